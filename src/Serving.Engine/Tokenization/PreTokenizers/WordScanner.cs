using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>The pattern of the Whitespace pre-tokenizer: <c>\w+|[^\w\s]+</c>.</summary>
internal sealed class WordScanner : TextScanner
{
    private const CharClass Kinds = CharClass.Word | CharClass.Space;

    /// <inheritdoc/>
    public override int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length)
    {
        var start = TextRuns.EndOfSpaces(text, from);
        var end = start;
        var kind = start < text.Length ? CharClasses.At(text, start, out _) & Kinds : CharClass.Other;
        while (end < text.Length && (CharClasses.At(text, end, out var width) & Kinds) == kind)
        {
            end += width;
        }

        length = end - start;
        return length > 0 ? start : -1;
    }
}
