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

/// <summary>The stamps of an adapter's two files, and the folder that they are in with links resolved.</summary>
internal readonly record struct AdapterStamp(string Folder, FileStamp Config, FileStamp Weights)
{
    /// <summary>Looks at both files of a folder; null when one is not there.</summary>
    public static AdapterStamp? Of(string folder, string reach)
    {
        return FileStamp.Of(Path.Combine(folder, PeftAdapterReader.ConfigName), reach, out _) is { } config
            && FileStamp.Of(Path.Combine(folder, PeftAdapterReader.WeightsName), reach, out _) is { } weights
            ? new AdapterStamp(folder, config, weights)
            : null;
    }

    /// <summary>The later of the two changes.</summary>
    public DateTime Changed => Config.Changed > Weights.Changed ? Config.Changed : Weights.Changed;
}
