using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What the strings of a conjunction may mean: lengths in characters, patterns, formats, and what is left out.</summary>
internal sealed class StringLanguage
{
    private readonly List<GrammarExpression> _parts = [];
    private readonly List<GrammarExpression> _without = [];

    private StringLanguage(int least, int? most)
    {
        Least = least;
        Most = most;
    }

    /// <summary>Fewest characters.</summary>
    public int Least { get; }

    /// <summary>Most characters.</summary>
    public int? Most { get; }

    /// <summary>Whether the lengths are all there is.</summary>
    public bool IsLength => _parts.Count == 0 && _without.Count == 0;

    /// <summary>Reads them.</summary>
    public static StringLanguage Of(Conjunction conjunction)
    {
        var (least, most) = conjunction.Counts("minLength", "maxLength");
        var result = new StringLanguage(least, most);
        foreach (var (node, pattern) in conjunction.All("pattern"))
        {
            result._parts.Add(Pattern(node, pattern));
        }

        foreach (var (_, format) in conjunction.All("format").Where(item => item.Value.ValueKind == JsonValueKind.String))
        {
            if (StringFormats.Find(format.GetString()!) is { } known)
            {
                result._parts.Add(known);
            }
        }

        foreach (var node in conjunction.Nodes)
        {
            result._without.AddRange(node.Excluded.Where(constant => constant.ValueKind == JsonValueKind.String).Select(constant => Express.Text(constant.GetString()!)));
            if (node.ExcludedPattern is { } pattern)
            {
                result._without.Add(PatternReader.ReadSearch(pattern, $"{node.Field}: {node.Pointer}"));
            }
        }

        return result;
    }

    /// <summary>A pattern that a keyword gives.</summary>
    public static GrammarExpression Pattern(SchemaNode node, JsonElement pattern) => pattern.ValueKind == JsonValueKind.String
        ? PatternReader.ReadSearch(pattern.GetString()!, $"{node.Field}: {node.Pointer}/pattern")
        : throw node.Malformed("pattern", "is no string");

    /// <summary>Whether a string is in it.</summary>
    public bool Takes(string text, ExpressionTest test)
    {
        var length = text.EnumerateRunes().Count();
        return length >= Least && (Most is null || length <= Most) && _parts.All(part => test.Contains(part, text)) && !_without.Any(part => test.Contains(part, text));
    }

    /// <summary>The texts that the strings mean.</summary>
    public GrammarExpression Meant()
    {
        var length = Least == 0 && Most is null ? null : Express.Repeat(Express.Character(CharacterSet.All), Least, Most);
        var parts = length is null ? _parts : [.. _parts, length];
        if (parts.Any(Express.IsNever))
        {
            return GrammarExpression.Never;
        }

        var all = parts.Count == 0 ? Express.AnyText : parts.Aggregate((first, second) => new BothExpression(first, second));
        return _without.Count == 0 ? all : new ExceptExpression(all, Express.Choice(_without));
    }
}
