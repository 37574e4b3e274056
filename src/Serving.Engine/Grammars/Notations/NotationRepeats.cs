using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>Numbers of times, as both notations bound them.</summary>
internal static class NotationRepeats
{
    /// <summary>Numbers of times that are in order and not too large.</summary>
    public static (int Least, int? Most) Checked(int least, int? most, NotationCursor cursor)
    {
        if (least > PatternLimits.Repeats || most > PatternLimits.Repeats)
        {
            throw cursor.Malformed($"more than {PatternLimits.Repeats} repeats");
        }

        return least <= (most ?? least) ? (least, most) : throw cursor.Malformed("numbers of times are out of order");
    }
}
