using Serving.Engine.Loading.Peft;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// What tells without reading whether a file is still the one that was read: size, time of change, and time of birth, which stands for the
/// inode: a file that was renamed over another has another birth.
/// </summary>
/// <param name="Length">Bytes.</param>
/// <param name="Changed">Time of change.</param>
/// <param name="Born">Time of birth.</param>
internal readonly record struct FileStamp(long Length, DateTime Changed, DateTime Born)
{
    /// <summary>Looks at a file, which links may lead to inside <paramref name="reach"/>; null when it is not there.</summary>
    public static FileStamp? Of(string path, string reach, out string real)
    {
        real = RealPath.Of(path) ?? "";
        if (real.Length == 0 || !RealPath.IsInside(real, reach))
        {
            return null;
        }

        var info = new FileInfo(real);
        return info.Exists ? new FileStamp(info.Length, info.LastWriteTimeUtc, info.CreationTimeUtc) : null;
    }
}

/// <summary>The stamps of an adapter's files, and where they are with links resolved.</summary>
/// <param name="Path">The folder of two files, or the one file.</param>
/// <param name="Config">Of the configuration; null of a GGUF file, which has its own in it.</param>
/// <param name="Weights">Of the file with the matrices.</param>
internal readonly record struct AdapterStamp(string Path, FileStamp? Config, FileStamp Weights)
{
    /// <summary>Looks at an adapter's files; null when one is not there.</summary>
    public static AdapterStamp? Of(AdapterLocation location)
    {
        if (location.File is { } file)
        {
            var path = System.IO.Path.Combine(location.Folder, file);
            return FileStamp.Of(path, location.Reach, out _) is { } whole ? new AdapterStamp(path, null, whole) : null;
        }

        return FileStamp.Of(System.IO.Path.Combine(location.Folder, PeftAdapterReader.ConfigName), location.Reach, out _) is { } config
            && FileStamp.Of(System.IO.Path.Combine(location.Folder, PeftAdapterReader.WeightsName), location.Reach, out _) is { } weights
            ? new AdapterStamp(location.Folder, config, weights)
            : null;
    }

    /// <summary>The latest change.</summary>
    public DateTime Changed => Config is { } config && config.Changed > Weights.Changed ? config.Changed : Weights.Changed;
}
