using Serving.Core.Memory;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>The tables in use, least recently used first to go. A table is quickly made again: what is kept is the hashing, not any attention states.</summary>
/// <param name="maxWeight">Bound of the tables' weights together; one table is kept in any case.</param>
public sealed class ModuleTableCache(long maxWeight)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(Digest Version, Digest Root), LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();
    private long _weight;

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
            _weight += table.Weight;
            while (_weight > maxWeight && _byUse.First is { } oldest && oldest != _byUse.Last)
            {
                _byUse.Remove(oldest);
                _entries.Remove(oldest.Value.Key);
                _weight -= oldest.Value.Table.Weight;
            }

            return table;
        }
    }

    private readonly record struct Entry((Digest Version, Digest Root) Key, ModuleTable Table);
}
