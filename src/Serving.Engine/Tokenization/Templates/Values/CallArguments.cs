namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>The evaluated arguments of one call.</summary>
internal sealed record CallArguments(IReadOnlyList<TemplateValue> Positional, IReadOnlyList<KeyValuePair<string, TemplateValue>> Named)
{
    public static CallArguments Empty { get; } = new([], []);

    /// <summary>The named argument, or null.</summary>
    public TemplateValue? Find(string name)
    {
        foreach (var (key, value) in Named)
        {
            if (key == name)
            {
                return value;
            }
        }

        return null;
    }

    /// <summary>These arguments behind one more in front: what a filter is applied to.</summary>
    public CallArguments Prepend(TemplateValue first) => new([first, .. Positional], Named);

    /// <summary>These without the first <paramref name="count"/> positional ones.</summary>
    public CallArguments Skip(int count) => new([.. Positional.Skip(count)], Named);
}
