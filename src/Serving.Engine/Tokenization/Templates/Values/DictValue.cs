namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>An object: keys in the order of their insertion, equal by Python's rules (1, 1.0 and True are one key).</summary>
internal sealed class DictValue(RenderBudget budget) : TemplateValue
{
    private readonly OrderedDictionary<TemplateValue, TemplateValue> _entries = new(new KeyComparer(budget));

    public override string TypeName => "dict";

    public override bool IsTrue => _entries.Count > 0;

    public int Count => _entries.Count;

    public IReadOnlyList<KeyValuePair<TemplateValue, TemplateValue>> Entries => _entries;

    public TemplateValue? Find(TemplateValue key) => _entries.TryGetValue(key, out var value) ? value : null;

    public TemplateValue? Find(string key) => Find(new StringValue(key));

    /// <summary>For the maker of the object only; a template cannot reach it.</summary>
    public void Set(TemplateValue key, TemplateValue value) => _entries[key] = value;

    public void Set(string key, TemplateValue value) => Set(new StringValue(key), value);

    /// <summary>Hashing and equality of keys, paid from the rendering's budget.</summary>
    private sealed class KeyComparer(RenderBudget budget) : IEqualityComparer<TemplateValue>
    {
        public bool Equals(TemplateValue? x, TemplateValue? y) => x is not null && y is not null && Equality.AreEqual(x, y, budget);

        public int GetHashCode(TemplateValue value) => Equality.Hash(value, budget);
    }
}
