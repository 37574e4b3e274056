using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.LoadTests.Scenarios;

/// <summary>
/// A comparison that must hold: <c>PHASE.SCENARIO.METRIC OP NUMBER</c>, or <c>… OP NUMBER * PHASE.SCENARIO.METRIC</c>; where there is one phase its name may be left out,
/// and where that has one scenario its name too. OP is &lt;, &lt;=, &gt;, &gt;= or ==.
/// </summary>
/// <param name="Text">As it was written.</param>
/// <param name="Left">What is compared.</param>
/// <param name="Operator">How.</param>
/// <param name="Factor">The number.</param>
/// <param name="Right">What the number multiplies; null for 1.</param>
internal sealed partial record Threshold(string Text, string Left, string Operator, double Factor, string? Right)
{
    /// <summary>Longest text that is looked at.</summary>
    public const int MaxLength = 512;

    /// <summary>Reads one; null when it is not of that form.</summary>
    public static Threshold? Parse(string text)
    {
        if (text.Length > MaxLength || Form().Match(text) is not { Success: true } match)
        {
            return null;
        }

        return double.TryParse(match.Groups["number"].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var factor) && double.IsFinite(factor)
            ? new Threshold(text, match.Groups["left"].Value, match.Groups["op"].Value, factor, match.Groups["right"] is { Success: true } right ? right.Value : null)
            : null;
    }

    /// <summary>Whether it holds between these values.</summary>
    public bool Holds(double left, double right)
    {
        var bar = Factor * right;
        return Operator switch
        {
            "<" => left < bar,
            "<=" => left <= bar,
            ">" => left > bar,
            ">=" => left >= bar,
            _ => left == bar,
        };
    }

    [GeneratedRegex("""^\s*(?<left>[a-z0-9_.-]+)\s*(?<op><=|>=|<|>|==)\s*(?<number>-?[0-9]+(\.[0-9]+)?)(\s*\*\s*(?<right>[a-z0-9_.-]+))?\s*$""", RegexOptions.NonBacktracking)]
    private static partial Regex Form();
}
