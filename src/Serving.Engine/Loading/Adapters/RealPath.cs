namespace Serving.Engine.Loading.Adapters;

/// <summary>Paths with every symbolic link on the way resolved.</summary>
internal static class RealPath
{
    private const int MaxLinks = 40;

    /// <summary>The path that a path leads to, or null when it does not exist, cannot be looked at, or its links go in circles.</summary>
    public static string? Of(string path)
    {
        try
        {
            return Resolve(Path.GetFullPath(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Whether <paramref name="path"/> is <paramref name="folder"/> or lies below it; both are real paths.</summary>
    public static bool IsInside(string path, string folder)
    {
        return path.StartsWith(folder, StringComparison.Ordinal)
            && (path.Length == folder.Length || Path.EndsInDirectorySeparator(folder) || path[folder.Length] == Path.DirectorySeparatorChar);
    }

    private static string? Resolve(string path)
    {
        var root = Path.GetPathRoot(path)!;
        var real = root;
        var rest = new Stack<string>();
        Push(rest, path[root.Length..]);
        for (var links = 0; rest.TryPop(out var part);)
        {
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? root;
                continue;
            }

            var next = Path.Combine(real, part);
            var info = new FileInfo(next);
            if (info.LinkTarget is not { } target)
            {
                if (!info.Exists && !Directory.Exists(next))
                {
                    return null;
                }

                real = next;
                continue;
            }

            if (++links > MaxLinks)
            {
                return null;
            }

            // A link's target is followed from where the link stands, its own parts in front of what was left.
            real = Path.IsPathRooted(target) ? Path.GetPathRoot(target)! : real;
            Push(rest, Path.IsPathRooted(target) ? target[real.Length..] : target);
        }

        return real;
    }

    private static void Push(Stack<string> rest, string path)
    {
        foreach (var part in path.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse())
        {
            if (part != ".")
            {
                rest.Push(part);
            }
        }
    }
}
