using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>
/// The pattern of Llama 3 (numbers of up to three digits) and Qwen 2 (one digit), by hand:
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// It leaves no character out, so a match begins where the last one ended.
/// </summary>
/// <param name="digits">The longest number.</param>
internal sealed class Llama3Scanner(int digits) : TextScanner
{
    private const string Head = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Tail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The scanner of a pattern as tokenizers write it, or null.</summary>
    public static Llama3Scanner? For(string? pattern) => pattern switch
    {
        Head + @"\p{N}" + Tail => new Llama3Scanner(1),
        Head + @"\p{N}{1,3}" + Tail => new Llama3Scanner(3),
        Head + @"\p{N}+" + Tail => new Llama3Scanner(int.MaxValue),
        _ => null,
    };

    /// <inheritdoc/>
    public override int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length)
    {
        length = from < text.Length ? LengthAt(text, from) : 0;
        return length > 0 ? from : -1;
    }

    private int LengthAt(ReadOnlySpan<char> text, int at)
    {
        if (text[at] == '\'' && Contraction(text, at) is > 0 and var contraction)
        {
            return contraction;
        }

        var kind = CharClasses.At(text, at, out var width);
        if ((kind & CharClass.Letter) != 0)
        {
            return TextRuns.EndOfKind(text, at, kind) - at;
        }

        if ((kind & CharClass.Number) != 0)
        {
            return EndOfNumber(text, at) - at;
        }

        var second = at + width;
        if ((kind & CharClass.Newline) == 0 && second < text.Length && CharClasses.At(text, second, out _) is var next && (next & CharClass.Letter) != 0)
        {
            return TextRuns.EndOfKind(text, second, next) - at;
        }

        return SymbolsOrSpaces(text, at, kind);
    }

    private static int SymbolsOrSpaces(ReadOnlySpan<char> text, int at, CharClass kind)
    {
        var symbol = text[at] == ' ' && at + 1 < text.Length ? at + 1 : at;
        var symbolKind = symbol == at ? kind : CharClasses.At(text, symbol, out _);
        if ((symbolKind & (CharClass.Letter | CharClass.Number | CharClass.Space)) == 0)
        {
            var end = TextRuns.EndOfKind(text, symbol, symbolKind);
            while (end < text.Length && text[end] is '\r' or '\n')
            {
                end++;
            }

            return end - at;
        }

        var spaces = text[at..TextRuns.EndOfSpaces(text, at)];
        var newline = spaces.LastIndexOfAny('\r', '\n');
        return newline >= 0 ? newline + 1 : TextRuns.SpacesBefore(text, at);
    }

    private int EndOfNumber(ReadOnlySpan<char> text, int at)
    {
        for (var count = 0; at < text.Length && count < digits; count++)
        {
            if ((CharClasses.At(text, at, out var length) & CharClass.Number) == 0)
            {
                break;
            }

            at += length;
        }

        return at;
    }

    /// <summary>A contraction in either case; the long s folds to s.</summary>
    private static int Contraction(ReadOnlySpan<char> text, int at)
    {
        var first = at + 1 < text.Length ? text[at + 1] : '\0';
        var second = at + 2 < text.Length ? text[at + 2] : '\0';
        return (first, second) switch
        {
            ('s' or 'S' or '\u017F' or 't' or 'T' or 'm' or 'M' or 'd' or 'D', _) => 2,
            ('r' or 'R' or 'v' or 'V', 'e' or 'E') or ('l' or 'L', 'l' or 'L') => 3,
            _ => 0,
        };
    }
}
