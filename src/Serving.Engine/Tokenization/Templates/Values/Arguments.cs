namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>The evaluated arguments of one call.</summary>
internal sealed record Arguments(IReadOnlyList<Value> Positional, IReadOnlyList<KeyValuePair<string, Value>> Named)
{
    public static Arguments Empty { get; } = new([], []);

    /// <summary>The named argument, or null.</summary>
    public Value? Find(string name)
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
    public Arguments Prepend(Value first) => new([first, .. Positional], Named);

    /// <summary>These without the first <paramref name="count"/> positional ones.</summary>
    public Arguments Skip(int count) => new([.. Positional.Skip(count)], Named);
}
