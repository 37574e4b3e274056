namespace Serving.Server.Configuration;

/// <summary>Finds what comes with the daemon: beside the program when it is published, above it in a source tree.</summary>
internal static class BundledFiles
{
    /// <summary>A file or folder below <c>config/</c>, or null when it is not there.</summary>
    public static string? Find(params string[] parts)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var path = Path.Combine([folder.FullName, "config", .. parts]);
            if (File.Exists(path) || Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }
}
