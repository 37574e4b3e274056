using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Peft;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// The folder that adapters lie in: <c>root/tenant/name</c> private, <c>root/name</c> shared. A folder that holds <c>adapter_config.json</c> or <c>adapter_model.gguf</c> is an
/// adapter, any other a tenant's; so is a file <c>name.gguf</c>, where there is no folder of the name. Links are followed as long as they end inside what their owner may reach: the tenant's own folder, or the root for shared ones.
/// </summary>
internal sealed class AdapterRoot : IAdapterFolders
{
    private const int MaxListed = 65_536;
    private const int MaxPathLength = 1024;

    private readonly string _root;

    /// <summary>Takes the root; a folder that does not exist holds no adapters until it does.</summary>
    public AdapterRoot(string root) => _root = Path.GetFullPath(root);

    /// <summary>The folder that an owner's adapters may lie in, with links resolved, or null when there is none.</summary>
    public string? Reach(string? owner)
    {
        if (RealPath.Of(_root) is not { } root)
        {
            return null;
        }

        if (owner is null)
        {
            return root;
        }

        return AdapterNames.IsValidTenant(owner)
            && RealPath.Of(Path.Combine(root, owner)) is { } folder
            && folder != root
            && RealPath.IsInside(folder, root)
            && !IsAdapter(folder) ? folder : null;
    }

    /// <inheritdoc/>
    public AdapterLocation? Find(AdapterHandle handle)
    {
        if (!AdapterNames.IsValid(handle.Name) || Reach(handle.Owner) is not { } reach)
        {
            return null;
        }

        var path = Path.Combine(reach, handle.Name);
        return FolderAt(path, reach) ?? FileAt(path + GgufAdapterReader.Extension, reach);
    }

    /// <inheritdoc/>
    public AdapterLocation? FindPath(string? owner, string path)
    {
        if (path.Length > MaxPathLength || Reach(owner) is not { } reach)
        {
            return null;
        }

        var relative = path;
        if (Path.IsPathRooted(path))
        {
            var lexical = owner is null ? _root : Path.Combine(_root, owner);
            var start = new[] { reach, lexical }.FirstOrDefault(start => path.StartsWith(start + Path.DirectorySeparatorChar, StringComparison.Ordinal));
            if (start is null)
            {
                return null;
            }

            relative = path[(start.Length + 1)..];
        }

        var parts = relative.TrimEnd('/').Split('/');
        if (!Array.TrueForAll(parts, AdapterNames.IsValid))
        {
            return null;
        }

        var whole = Path.Combine([reach, .. parts]);
        return FolderAt(whole, reach) ?? (whole.EndsWith(GgufAdapterReader.Extension, StringComparison.Ordinal) ? FileAt(whole, reach) : null);
    }

    /// <inheritdoc/>
    public IEnumerable<string> List(string? owner)
    {
        return Reach(owner) is not { } reach ? [] : Folders(reach).Concat(Files(reach)).Distinct(StringComparer.Ordinal).Take(MaxListed)
            .Where(name => AdapterNames.IsValid(name) && Find(new AdapterHandle(owner, name)) is not null);
    }

    /// <inheritdoc/>
    public IEnumerable<string> Tenants() => Reach(null) is not { } root ? [] : Folders(root).Where(name => Reach(name) is not null);

    private static IEnumerable<string> Folders(string folder) => Names(() => Directory.EnumerateDirectories(folder), path => Path.GetFileName(path));

    private static IEnumerable<string> Files(string folder) =>
        Names(() => Directory.EnumerateFiles(folder, "*" + GgufAdapterReader.Extension), path => Path.GetFileName(path)[..^GgufAdapterReader.Extension.Length]);

    private static IEnumerable<string> Names(Func<IEnumerable<string>> list, Func<string, string> nameOf)
    {
        try
        {
            return [.. list().Take(MaxListed).Select(nameOf)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static AdapterLocation? FolderAt(string path, string reach)
    {
        return Confine(path, reach) is { } real && IsAdapter(real) ? new AdapterLocation(real, reach, IsPeft(real) ? null : GgufAdapterReader.FileName) : null;
    }

    private static AdapterLocation? FileAt(string path, string reach)
    {
        return Confine(path, reach) is { } real && File.Exists(real) ? new AdapterLocation(Path.GetDirectoryName(real)!, reach, Path.GetFileName(real)) : null;
    }

    private static string? Confine(string path, string reach) => RealPath.Of(path) is { } real && real != reach && RealPath.IsInside(real, reach) ? real : null;

    private static bool IsAdapter(string folder) => IsPeft(folder) || File.Exists(Path.Combine(folder, GgufAdapterReader.FileName));

    private static bool IsPeft(string folder) => File.Exists(Path.Combine(folder, PeftAdapterReader.ConfigName));
}
