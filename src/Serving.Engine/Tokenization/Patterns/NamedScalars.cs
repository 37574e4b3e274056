using System.Text;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>
/// The characters beyond the basic plane that a pattern names. They share one set of stand-ins, so all places that name any must
/// name the same.
/// </summary>
internal sealed class NamedScalars
{
    private const int MostRanges = 256;

    private static readonly string StandIns = BuildStandIns();

    /// <summary>The ranges, both ends included; empty when the pattern names none.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges { get; private set; } = [];

    /// <summary>What stands for the ranges inside brackets.</summary>
    public string Add(IReadOnlyList<(int First, int Last)> ranges)
    {
        if (ranges.Count > MostRanges || (Ranges.Count > 0 && !Ranges.SequenceEqual(ranges)))
        {
            throw new ArgumentException("two sets of characters beyond the basic plane");
        }

        Ranges = ranges;
        return StandIns;
    }

    private static string BuildStandIns()
    {
        var result = new StringBuilder();
        foreach (var (named, other) in ScalarText.NamedStandIns.Zip(ScalarText.StandIns))
        {
            result.Append(named == other ? string.Empty : $"\\u{(int)named:X4}");
        }

        return result.ToString();
    }
}
