using System.Globalization;

namespace Serving.Engine.Loading;

/// <summary>How much memory this process may take, by the tightest of its cgroups and the machine.</summary>
/// <param name="LimitBytes">Most bytes in all.</param>
/// <param name="FreeBytes">Bytes not taken yet; file pages that the kernel can drop count as free.</param>
/// <param name="Source">Whose limit it is, for people.</param>
public sealed record MemoryLimit(long LimitBytes, long FreeBytes, string Source)
{
    /// <summary>From here on a v1 limit means none: the kernel writes the largest multiple of a page.</summary>
    private const long Unlimited = long.MaxValue / 2;

    /// <summary>Reads the limit: cgroup v2, else v1, else what the machine has available.</summary>
    /// <param name="root">Where <c>proc</c> and <c>sys</c> are; "/" but in tests.</param>
    public static MemoryLimit Read(string root = "/")
    {
        var machine = Machine(root);
        foreach (var limit in GroupsV2(root).Concat(GroupsV1(root)))
        {
            if (limit.FreeBytes < machine.FreeBytes)
            {
                machine = limit;
            }
        }

        return machine;
    }

    private static MemoryLimit Machine(string root)
    {
        var fields = ReadFields(Path.Combine(root, "proc", "meminfo"));
        if (fields.TryGetValue("MemTotal:", out var total) && fields.TryGetValue("MemAvailable:", out var available))
        {
            return new MemoryLimit(total * 1024, available * 1024, "machine");
        }

        var information = GC.GetGCMemoryInfo();
        return new MemoryLimit(information.TotalAvailableMemoryBytes, information.TotalAvailableMemoryBytes - GC.GetTotalMemory(false), "machine");
    }

    private static IEnumerable<MemoryLimit> GroupsV2(string root)
    {
        foreach (var folder in Groups(root, Path.Combine("sys", "fs", "cgroup"), controller: ""))
        {
            if (ReadNumber(Path.Combine(folder, "memory.max")) is { } limit && ReadNumber(Path.Combine(folder, "memory.current")) is { } used)
            {
                yield return Group(limit, used, Path.Combine(folder, "memory.stat"), "inactive_file");
            }
        }
    }

    private static IEnumerable<MemoryLimit> GroupsV1(string root)
    {
        foreach (var folder in Groups(root, Path.Combine("sys", "fs", "cgroup", "memory"), "memory"))
        {
            if (ReadNumber(Path.Combine(folder, "memory.limit_in_bytes")) is { } limit and < Unlimited
                && ReadNumber(Path.Combine(folder, "memory.usage_in_bytes")) is { } used)
            {
                yield return Group(limit, used, Path.Combine(folder, "memory.stat"), "total_inactive_file");
            }
        }
    }

    private static MemoryLimit Group(long limit, long used, string statistics, string droppable)
    {
        var free = limit - used + ReadFields(statistics).GetValueOrDefault(droppable);
        return new MemoryLimit(limit, Math.Clamp(free, 0, limit), "cgroup");
    }

    /// <summary>The folders of this process's group and of all groups around it; inside a container that is often the mount itself.</summary>
    private static IEnumerable<string> Groups(string root, string mount, string controller)
    {
        var path = ReadLines(Path.Combine(root, "proc", "self", "cgroup"))
            .Select(line => line.Split(':', 3))
            .FirstOrDefault(parts => parts.Length == 3 && parts[1].Split(',').Contains(controller))?[2] ?? "/";
        for (var group = path.Trim('/'); group.Length > 0; group = Path.GetDirectoryName(group) ?? "")
        {
            yield return Path.Combine(root, mount, group);
        }

        yield return Path.Combine(root, mount);
    }

    private static Dictionary<string, long> ReadFields(string path)
    {
        var fields = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in ReadLines(path))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length >= 2 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                fields[parts[0]] = value;
            }
        }

        return fields;
    }

    private static long? ReadNumber(string path)
    {
        return ReadLines(path) is [var line, ..] && long.TryParse(line.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
