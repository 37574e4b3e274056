using System.Globalization;
using System.Text;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>
/// A text with one UTF-16 unit per Unicode scalar, so that a regular expression meets whole characters: a character beyond the basic
/// plane is replaced by one inside it of the same general category (and Han script). A pattern may also name a set of such characters;
/// its members are replaced by others of their category, which the pattern then names instead.
/// </summary>
internal sealed class ScalarText
{
    /// <summary>Stands for astral Han characters: a compatibility ideograph that is a letter of its own.</summary>
    private const char Han = '\uFA0E';

    /// <summary>
    /// Stand-ins by general category, in the order of <see cref="UnicodeCategory"/>: rare characters that no tokenizer's range covers.
    /// </summary>
    public const string StandIns =
        "\uA640\uA641\u1FBC\uA4F8\uA4D0\uA66F\uA823\uA670\uA620\uA6E6\uA830\u202F\u2028\u2029\u0090\uFFF9\uFFFE\uE000" +
        "\uFE33\uFE31\uFE35\uFE36\u00AB\u00BB\uA4FE\uFB29\uA838\uA700\uA490\uFFFE";

    /// <summary>Stand-ins of the characters that a pattern names; the same as the others where a category has nothing beyond the basic plane.</summary>
    public const string NamedStandIns =
        "\uA642\uA643\u1FBC\uA4F9\uA4D1\uA674\uA824\uA670\uA621\uA6E7\uA831\u202F\u2028\u2029\u0090\uFFFA\uFFFE\uE001" +
        "\uFE33\uFE32\uFE37\uFE38\u00AB\u00BB\uA4FF\uFE62\uFDFC\uA701\uA491\uFFFF";

    private readonly char[] _folded;
    private readonly int[] _offsets;

    private ScalarText(char[] folded, int[] offsets)
    {
        _folded = folded;
        _offsets = offsets;
    }

    public ReadOnlySpan<char> Folded => _folded;

    /// <summary>The text, or null when it is in the basic plane and needs no folding.</summary>
    /// <param name="text">The text, without lone surrogates.</param>
    /// <param name="named">The ranges of characters beyond the basic plane that the pattern names.</param>
    public static ScalarText? Of(ReadOnlySpan<char> text, IReadOnlyList<(int First, int Last)> named)
    {
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return null;
        }

        var folded = new List<char>(text.Length);
        var offsets = new List<int>(text.Length + 1);
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
            folded.Add(rune.IsBmp ? text[at] : StandIn(rune, named));
            offsets.Add(at);
            at += length;
        }

        offsets.Add(text.Length);
        return new ScalarText([.. folded], [.. offsets]);
    }

    /// <summary>The index of the scalar at a UTF-16 offset; one past the last for any offset beyond.</summary>
    public int IndexOf(int offset)
    {
        var index = Array.BinarySearch(_offsets, offset);
        return index >= 0 ? index : Math.Min(~index, _folded.Length);
    }

    /// <summary>The UTF-16 offset of a scalar.</summary>
    public int OffsetOf(int index) => _offsets[index];

    private static char StandIn(Rune rune, IReadOnlyList<(int First, int Last)> named)
    {
        var category = Rune.GetUnicodeCategory(rune);
        foreach (var (first, last) in named)
        {
            if (rune.Value >= first && rune.Value <= last)
            {
                return NamedStandIns[(int)category];
            }
        }

        return category == UnicodeCategory.OtherLetter && rune.Value is >= 0x20000 and < 0x40000 ? Han : StandIns[(int)category];
    }
}
