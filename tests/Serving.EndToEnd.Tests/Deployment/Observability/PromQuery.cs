using System.Text.RegularExpressions;

namespace Serving.EndToEnd.Tests.Deployment.Observability;

/// <summary>A label that a query asks for, with the value that it compares with (null where it only names the label).</summary>
internal sealed record LabelUse(string? Metric, string Label, string? Operator, string? Value);

/// <summary>
/// What a PromQL expression names: metrics, and labels in matchers and groupings. It finds names and checks nothing else; promtool checks the language.
/// </summary>
internal sealed partial class PromQuery
{
    private static readonly string[] Groupings = ["by", "without", "on", "ignoring", "group_left", "group_right"];
    private static readonly string[] Words = ["and", "or", "unless", "bool", "offset", "inf", "nan"];
    private readonly List<string> _metrics = [];
    private readonly List<LabelUse> _labels = [];

    /// <summary>Reads an expression.</summary>
    public PromQuery(string expression)
    {
        var at = 0;
        while (Token().Match(expression, at) is { Success: true } token)
        {
            at = token.Index + token.Length;
            if (token.Groups["name"] is { Success: true, Value: var name })
            {
                at = Read(expression, name, at);
            }
        }
    }

    /// <summary>Every metric, once for each time that it is named.</summary>
    public IReadOnlyList<string> Metrics => _metrics;

    /// <summary>Every label, with the metric that it is asked of where there is one.</summary>
    public IReadOnlyList<LabelUse> Labels => _labels;

    // A name before "(" is a function, or a grouping whose parentheses hold labels; any other is a metric, which may have matchers.
    private int Read(string expression, string name, int at)
    {
        if (Groupings.Contains(name))
        {
            var group = Group().Match(expression, at);
            _labels.AddRange(group.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(label => new LabelUse(null, label, null, null)));
            return group.Success ? group.Index + group.Length : at;
        }

        if (Words.Contains(name.ToLowerInvariant()) || expression.AsSpan(at).TrimStart().StartsWith("("))
        {
            return at;
        }

        // An aggregation's grouping may stand before its parentheses: sum by (job) (…).
        if (Following().Match(expression, at) is { Success: true } following && Groupings.Contains(following.Groups[1].Value) && expression[following.Index..].Contains('('))
        {
            return at;
        }

        _metrics.Add(name);
        var matchers = Matchers().Match(expression, at);
        foreach (Match matcher in Matcher().Matches(matchers.Groups[1].Value))
        {
            _labels.Add(new LabelUse(name, matcher.Groups[1].Value, matcher.Groups[2].Value, matcher.Groups[3].Value));
        }

        return matchers.Success ? matchers.Index + matchers.Length : at;
    }

    // Ranges and texts are passed over, and digits with a unit behind them.
    [GeneratedRegex("""\[[^\]]*\]|"[^"]*"|[0-9][0-9a-zA-Z_.]*|(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)""")]
    private static partial Regex Token();

    [GeneratedRegex("""\G\s*\(([^)]*)\)""")]
    private static partial Regex Group();

    [GeneratedRegex("""\G\s*(by|without)\b""")]
    private static partial Regex Following();

    [GeneratedRegex("""\G\s*\{([^}]*)\}""")]
    private static partial Regex Matchers();

    [GeneratedRegex("""([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*,?""")]
    private static partial Regex Matcher();
}
