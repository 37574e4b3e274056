namespace Serving.Engine.Loading.Adapters;

/// <summary>The bytes of an adapter's files, all of one moment.</summary>
/// <param name="Config">The configuration; null of a GGUF file.</param>
/// <param name="Weights">The file with the matrices.</param>
internal readonly record struct AdapterBytes(byte[]? Config, FileBytes Weights);

/// <summary>An adapter's files; calls may take as long as the file system does.</summary>
internal interface IAdapterFiles
{
    /// <summary>How its files look; null when one is not there.</summary>
    AdapterStamp? Look(AdapterLocation location);

    /// <summary>Reads its files.</summary>
    /// <param name="location">Where they are.</param>
    /// <param name="stamp">How the files looked before; when they look different afterwards nothing is returned.</param>
    /// <param name="maxWeightBytes">Largest weights file.</param>
    /// <returns>The bytes, or null when the files changed meanwhile.</returns>
    /// <exception cref="AdapterFormatException">A file is too large, empty, or leads outside.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    AdapterBytes? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes);
}
