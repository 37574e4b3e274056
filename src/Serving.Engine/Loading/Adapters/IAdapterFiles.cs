namespace Serving.Engine.Loading.Adapters;

/// <summary>An adapter's two files; calls may take as long as the file system does.</summary>
internal interface IAdapterFiles
{
    /// <summary>How both files look; null when one is not there.</summary>
    AdapterStamp? Look(AdapterLocation location);

    /// <summary>Reads both files.</summary>
    /// <param name="location">The adapter's folder.</param>
    /// <param name="stamp">How the files looked before; when they look different afterwards nothing is returned.</param>
    /// <param name="maxWeightBytes">Largest weights file.</param>
    /// <returns>The bytes, or null when the files changed meanwhile.</returns>
    /// <exception cref="AdapterFormatException">A file is too large, empty, or leads outside.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    (byte[] Config, FileBytes Weights)? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes);
}
