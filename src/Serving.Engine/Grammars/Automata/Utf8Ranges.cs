using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// A set of characters as sequences of ranges of bytes: a text of one character of the set in UTF-8 is in exactly one of them. A range of code points is cut where the length
/// of its encoding changes, and then so that each byte runs over a range of its own.
/// </summary>
internal static class Utf8Ranges
{
    private static readonly int[] LastOfLength = [0x7F, 0x7FF, 0xFFFF, CharacterSet.Highest];

    /// <summary>The sequences, one to four ranges (first, last) each.</summary>
    public static List<(byte First, byte Last)[]> Of(CharacterSet set)
    {
        var sequences = new List<(byte First, byte Last)[]>();
        foreach (var (first, last) in set.Ranges)
        {
            var start = first;
            foreach (var end in LastOfLength)
            {
                if (start <= Math.Min(end, last))
                {
                    Cut(start, Math.Min(end, last), sequences);
                    start = Math.Min(end, last) + 1;
                }
            }
        }

        return sequences;
    }

    // Cut at the first place, from the last byte up, where the bytes below do not run from their least to their highest value.
    private static void Cut(int first, int last, List<(byte First, byte Last)[]> sequences)
    {
        for (var bits = 6; bits <= 18; bits += 6)
        {
            var below = (1 << bits) - 1;
            if ((first & ~below) == (last & ~below))
            {
                break;
            }

            if ((first & below) != 0)
            {
                Cut(first, first | below, sequences);
                Cut((first | below) + 1, last, sequences);
                return;
            }

            if ((last & below) != below)
            {
                Cut(first, (last & ~below) - 1, sequences);
                Cut(last & ~below, last, sequences);
                return;
            }
        }

        Span<byte> least = stackalloc byte[4];
        Span<byte> most = stackalloc byte[4];
        var length = new Rune(first).EncodeToUtf8(least);
        new Rune(last).EncodeToUtf8(most);
        var sequence = new (byte, byte)[length];
        for (var i = 0; i < length; i++)
        {
            sequence[i] = (least[i], most[i]);
        }

        sequences.Add(sequence);
    }
}
