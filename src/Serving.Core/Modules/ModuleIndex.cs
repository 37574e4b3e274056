using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>Modules by key and adapter. A key is never trusted alone: what is found has the same tokens, positions and context; others of the same key have entries of their own.</summary>
internal sealed class ModuleIndex
{
    private readonly Dictionary<Digest, List<ModuleEntry>> _entries = [];

    /// <summary>Cuts keys to three bits: what the simulation forces so that collisions happen.</summary>
    public bool CollideKeys { get; init; }

    /// <summary>A key is believed without a look at what it stands for: a mistake planted by the simulation.</summary>
    public bool TrustKeys { get; init; }

    /// <summary>Different keys; fewer than entries where several contents have one.</summary>
    public int KeyCount => _entries.Count;

    /// <summary>Every entry, in no particular order.</summary>
    public IEnumerable<ModuleEntry> All => _entries.Values.SelectMany(static entries => entries);

    /// <summary>The entry of a module under an adapter, if it is known.</summary>
    public ModuleEntry? Find(ModuleRef module, Digest adapter)
    {
        if (!_entries.TryGetValue(KeyOf(module), out var entries))
        {
            return null;
        }

        foreach (var entry in entries)
        {
            if (TrustKeys || (entry.Adapter == adapter && Same(entry.Module, module)))
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>The entry of a module under an adapter, made when there is none.</summary>
    public ModuleEntry Register(ModuleRef module, Digest adapter)
    {
        if (Find(module, adapter) is { } known)
        {
            return known;
        }

        var entry = new ModuleEntry(module, adapter);
        if (!_entries.TryGetValue(KeyOf(module), out var entries))
        {
            _entries.Add(KeyOf(module), entries = []);
        }

        entries.Add(entry);
        return entry;
    }

    /// <summary>Forgets an entry.</summary>
    public void Remove(ModuleEntry entry)
    {
        var key = KeyOf(entry.Module);
        if (_entries.TryGetValue(key, out var entries) && entries.Remove(entry) && entries.Count == 0)
        {
            _entries.Remove(key);
        }
    }

    private static bool Same(ModuleRef left, ModuleRef right)
    {
        if (ReferenceEquals(left, right))
        {
            return true;
        }

        var alike = left.Key == right.Key && left.Tokens.Count == right.Tokens.Count && left.Context.Count == right.Context.Count;
        for (var i = 0; alike && i < left.Context.Count; i++)
        {
            alike = left.Context[i].Key == right.Context[i].Key;
        }

        for (var i = 0; alike && i < left.Tokens.Count; i++)
        {
            alike = left.Tokens[i] == right.Tokens[i] && left.Positions[i] == right.Positions[i];
        }

        return alike;
    }

    private Digest KeyOf(ModuleRef module)
    {
        if (!CollideKeys)
        {
            return module.Key;
        }

        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        module.Key.CopyTo(bytes);
        bytes[0] &= 7;
        bytes[1..].Clear();
        return new Digest(bytes);
    }
}
