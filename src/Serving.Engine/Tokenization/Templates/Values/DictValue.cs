namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>An object: keys in the order of their insertion, equal by Python's rules (1, 1.0 and True are one key).</summary>
internal sealed class DictValue(RenderBudget budget) : Value
{
    private readonly OrderedDictionary<Value, Value> _entries = new(new KeyComparer(budget));

    public override string TypeName => "dict";

    public override bool IsTrue => _entries.Count > 0;

    public int Count => _entries.Count;

    public IReadOnlyList<KeyValuePair<Value, Value>> Entries => _entries;

    public Value? Find(Value key) => _entries.TryGetValue(key, out var value) ? value : null;

    public Value? Find(string key) => Find(new StringValue(key));

    /// <summary>For the maker of the object only; a template cannot reach it.</summary>
    public void Set(Value key, Value value) => _entries[key] = value;

    public void Set(string key, Value value) => Set(new StringValue(key), value);

    /// <summary>Hashing and equality of keys, paid from the rendering's budget.</summary>
    private sealed class KeyComparer(RenderBudget budget) : IEqualityComparer<Value>
    {
        public bool Equals(Value? x, Value? y) => x is not null && y is not null && Equality.AreEqual(x, y, budget);

        public int GetHashCode(Value value) => Equality.Hash(value, budget);
    }
}
