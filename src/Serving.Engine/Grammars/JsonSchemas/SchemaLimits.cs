namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>How large a client's schema may be, and what it may expand to.</summary>
public static class SchemaLimits
{
    /// <summary>Most UTF-16 units of a schema's text.</summary>
    public const int Length = 64 * 1024;

    /// <summary>Deepest nesting of its JSON.</summary>
    public const int Depth = 64;

    /// <summary>Most schemas that are looked at, each as often as it is reached.</summary>
    public const int Work = 50_000;

    /// <summary>Most alternatives that a value's <c>anyOf</c>, <c>oneOf</c>, <c>if</c>, <c>not</c> and dependencies multiply to.</summary>
    public const int Alternatives = 512;

    /// <summary>Most places of an array that have schemas of their own.</summary>
    public const int Prefix = 128;

    /// <summary>Most patterns of names in one object: each set of them is a case of its own.</summary>
    public const int NamePatterns = 4;

    /// <summary>Longest minimum of a string's characters or an array's items, and the maximum beyond which there is none: no answer is that long.</summary>
    public const int Count = 1_000_000;
}
