namespace Serving.Engine.Loading.Adapters;

/// <summary>Where an adapter's files are.</summary>
/// <param name="Folder">Their real folder.</param>
/// <param name="Reach">The real folder that links in it may not leave.</param>
/// <param name="File">The name of the one GGUF file that it is; null where it is a folder in PEFT's format.</param>
internal readonly record struct AdapterLocation(string Folder, string Reach, string? File = null);

/// <summary>
/// Which adapters there are: those on disk, less those unloaded, plus those loaded under another name or from another folder inside the root.
/// What was loaded and unloaded lasts until the process ends. Thread-safe.
/// </summary>
/// <param name="folders">What is on disk; null for nothing.</param>
/// <param name="baseName">The base's served name, which no adapter can have.</param>
internal sealed class AdapterRegistry(IAdapterFolders? folders, string baseName)
{
    /// <summary>Most changes to what is on disk that are remembered.</summary>
    private const int MaxChanges = 65_536;

    private readonly Lock _lock = new();

    /// <summary>Path of a loaded one, or null for an unloaded one.</summary>
    private readonly Dictionary<AdapterHandle, string?> _changes = [];

    /// <summary>Finds an adapter's files; null when there is none. Asks the disk.</summary>
    public AdapterLocation? Locate(AdapterHandle handle)
    {
        if (folders is null || !CanBe(handle))
        {
            return null;
        }

        string? path = null;
        lock (_lock)
        {
            if (_changes.TryGetValue(handle, out path) && path is null)
            {
                return null;
            }
        }

        // A loaded path is looked up again every time: what it leads to may have changed.
        return path is null ? folders.Find(handle) : folders.FindPath(handle.Owner, path);
    }

    /// <summary>Whether there is something that can be registered. Asks the disk.</summary>
    public bool CanRegister(AdapterHandle handle, string? path) =>
        folders is not null && CanBe(handle) && (path is null ? folders.Find(handle) : folders.FindPath(handle.Owner, path)) is not null;

    /// <summary>Makes a name known, from its own files or from a path inside the owner's reach.</summary>
    /// <returns>False when too many changes are remembered.</returns>
    public bool Register(AdapterHandle handle, string? path)
    {
        lock (_lock)
        {
            if (path is null)
            {
                _changes.Remove(handle);
                return true;
            }

            return TryChange(handle, path);
        }
    }

    /// <summary>Hides a name until it is registered again.</summary>
    /// <returns>False when too many changes are remembered.</returns>
    public bool Unregister(AdapterHandle handle)
    {
        lock (_lock)
        {
            return TryChange(handle, null);
        }
    }

    /// <summary>The names in an owner's folder and those loaded for it. Asks the disk.</summary>
    public IEnumerable<AdapterHandle> List(string? owner)
    {
        AdapterHandle[] listed = [.. folders?.List(owner).Select(name => new AdapterHandle(owner, name)) ?? []];
        lock (_lock)
        {
            var loaded = _changes.Where(change => change.Key.Owner == owner && change.Value is not null).Select(change => change.Key);
            return [.. listed.Where(handle => handle.Name != baseName && !_changes.ContainsKey(handle)).Concat(loaded)];
        }
    }

    /// <summary>The owners that have adapters: null for the shared ones, and the tenants with folders. Asks the disk.</summary>
    public IEnumerable<string?> Owners() => folders is null ? [] : folders.Tenants().Prepend(null);

    private bool CanBe(AdapterHandle handle) => AdapterNames.IsValid(handle.Name) && handle.Name != baseName;

    private bool TryChange(AdapterHandle handle, string? path)
    {
        if (_changes.Count >= MaxChanges && !_changes.ContainsKey(handle))
        {
            return false;
        }

        _changes[handle] = path;
        return true;
    }
}
