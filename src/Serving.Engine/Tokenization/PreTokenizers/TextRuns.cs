using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Runs of like characters, as the well-known patterns need them.</summary>
internal static class TextRuns
{
    private const CharClass Kinds = CharClass.Letter | CharClass.Number | CharClass.Space;

    /// <summary>Where the run of letters, of numbers, or of what is neither (nor space) that begins at <paramref name="at"/> ends.</summary>
    public static int EndOfKind(ReadOnlySpan<char> text, int at, CharClass kind)
    {
        while (at < text.Length)
        {
            var next = CharClasses.At(text, at, out var length);
            if (((next ^ kind) & Kinds) != 0)
            {
                break;
            }

            at += length;
        }

        return at;
    }

    /// <summary>Where the run of white space that begins at <paramref name="at"/> ends.</summary>
    public static int EndOfSpaces(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && (CharClasses.Of(text[at]) & CharClass.Space) != 0)
        {
            at++;
        }

        return at;
    }

    /// <summary>
    /// The length of <c>\s+(?!\S)|\s+</c> at white space: the whole run at the end of the text, otherwise all but its last
    /// character, which goes with the word behind it; one character alone is taken.
    /// </summary>
    public static int SpacesBefore(ReadOnlySpan<char> text, int at)
    {
        var end = EndOfSpaces(text, at);
        return end == text.Length || end - at == 1 ? end - at : end - at - 1;
    }
}
