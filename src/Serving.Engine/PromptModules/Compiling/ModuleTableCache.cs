using Serving.Core.Memory;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>
/// The tables in use, least recently used first to go. A table is quickly made again: what is kept is the hashing, not any attention states. What counts is what tables keep in memory, the schemas
/// among it, each once: they may long have been replaced.
/// </summary>
/// <param name="maxBytes">Bound of what they take together; one table is kept in any case.</param>
public sealed class ModuleTableCache(long maxBytes)
{
    /// <summary>What an entry takes beside its table.</summary>
    private const long EntryBytes = 320;

    private readonly Lock _lock = new();
    private readonly Dictionary<(Digest Version, Digest Root), LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();

    // How many tables each schema has here.
    private readonly Dictionary<CompiledSchema, int> _schemas = new(ReferenceEqualityComparer.Instance);
    private long _bytes;

    /// <summary>Tables kept.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The table of a schema under a root.</summary>
    public ModuleTable Get(CompiledSchema schema, Digest root)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var key = (schema.Version, root);
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var found))
            {
                _byUse.Remove(found);
                _byUse.AddLast(found);
                return found.Value.Table;
            }

            var table = new ModuleTable(schema, root);
            _entries[key] = _byUse.AddLast(new Entry(key, table));
            _bytes += Account(table, 1);
            while (_bytes > maxBytes && _byUse.First is { } oldest && oldest != _byUse.Last)
            {
                _byUse.Remove(oldest);
                _entries.Remove(oldest.Value.Key);
                _bytes -= Account(oldest.Value.Table, -1);
            }

            return table;
        }
    }

    // The bytes that come with a table, or go with it: its schema's when it is the only one of that schema.
    private long Account(ModuleTable table, int change)
    {
        var before = _schemas.GetValueOrDefault(table.Schema);
        _schemas[table.Schema] = before + change;
        if (before + change == 0)
        {
            _schemas.Remove(table.Schema);
        }

        return EntryBytes + table.Bytes + (Math.Min(before, before + change) == 0 ? SchemaBytes.Of(table.Schema) : 0);
    }

    private readonly record struct Entry((Digest Version, Digest Root) Key, ModuleTable Table);
}
