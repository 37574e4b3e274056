using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>
/// GPT-2's pattern, by hand: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// It leaves no character out, so a match begins where the last one ended.
/// </summary>
internal sealed class Gpt2Scanner : TextScanner
{
    /// <summary>The pattern as tokenizers write it.</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length)
    {
        length = 0;
        if (from >= text.Length)
        {
            return -1;
        }

        length = Contraction(text, from);
        if (length == 0)
        {
            var word = text[from] == ' ' && from + 1 < text.Length ? from + 1 : from;
            var kind = CharClasses.At(text, word, out _);
            length = (kind & CharClass.Space) == 0 ? TextRuns.EndOfKind(text, word, kind) - from : TextRuns.SpacesBefore(text, from);
        }

        return from;
    }

    private static int Contraction(ReadOnlySpan<char> text, int at)
    {
        if (text[at] != '\'' || at + 1 >= text.Length)
        {
            return 0;
        }

        var second = at + 2 < text.Length ? text[at + 2] : '\0';
        return (text[at + 1], second) switch
        {
            ('s' or 't' or 'm' or 'd', _) => 2,
            ('r' or 'v', 'e') or ('l', 'l') => 3,
            _ => 0,
        };
    }
}
