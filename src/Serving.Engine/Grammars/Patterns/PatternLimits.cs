namespace Serving.Engine.Grammars.Patterns;

/// <summary>How large a client's pattern may be.</summary>
public static class PatternLimits
{
    /// <summary>Most UTF-16 units of a pattern.</summary>
    public const int Length = 8192;

    /// <summary>Deepest nesting of groups.</summary>
    public const int Depth = 64;

    /// <summary>Largest number in a quantifier.</summary>
    public const int Repeats = 10_000;

    /// <summary>Most characters when every repeat is written out.</summary>
    public const int Weight = 50_000;
}
