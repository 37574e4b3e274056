using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>A text that a client has written, and the place up to which it has been read.</summary>
internal abstract class TextCursor(string text)
{
    /// <summary>The place, in UTF-16 units.</summary>
    public int At { get; private set; }

    /// <summary>Whether all has been read.</summary>
    public bool IsAtEnd => At == text.Length;

    /// <summary>The unit at the place; NUL behind the end.</summary>
    public char Next => Ahead(0);

    /// <summary>The unit some units on; NUL behind the end.</summary>
    public char Ahead(int units) => At + units < text.Length ? text[At + units] : '\0';

    /// <summary>Whether a text stands here.</summary>
    public bool StandsHere(string wanted) => text.AsSpan(At).StartsWith(wanted, StringComparison.Ordinal);

    /// <summary>Passes a text if it stands here.</summary>
    public bool Take(string wanted)
    {
        var stands = StandsHere(wanted);
        At += stands ? wanted.Length : 0;
        return stands;
    }

    /// <summary>Passes one character.</summary>
    public int TakeCharacter()
    {
        if (IsAtEnd)
        {
            throw Malformed("it ends early");
        }

        if (!Rune.TryGetRuneAt(text, At, out var rune))
        {
            throw Malformed("half a character");
        }

        At += rune.Utf16SequenceLength;
        return rune.Value;
    }

    /// <summary>Passes hexadecimal digits and returns their value.</summary>
    /// <param name="least">Fewest digits.</param>
    /// <param name="most">Most digits.</param>
    public int TakeHex(int least, int most)
    {
        var value = 0;
        var digits = 0;
        for (; digits < most && char.IsAsciiHexDigit(Next); digits++, At++)
        {
            value = (value * 16) + Convert.ToInt32(Next.ToString(), 16);
        }

        return digits >= least ? value : throw Malformed("a hexadecimal digit is missing");
    }

    /// <summary>Passes decimal digits and returns their value; null if none stands here.</summary>
    public int? TakeNumber()
    {
        int? value = null;
        for (; char.IsAsciiDigit(Next); At++)
        {
            value = Math.Min(((value ?? 0) * 10) + (Next - '0'), PatternLimits.Repeats + 1);
        }

        return value;
    }

    /// <summary>Goes back to a place.</summary>
    public void Return(int place) => At = place;

    /// <summary>What has been read so far.</summary>
    public ReadOnlySpan<char> Before => text.AsSpan(0, At);

    /// <summary>What has not been read yet.</summary>
    public ReadOnlySpan<char> Behind => text.AsSpan(At);

    /// <summary>What is wrong here.</summary>
    public abstract GrammarException Malformed(string what);

    /// <summary>What is right, but not done.</summary>
    public abstract GrammarException NotDone(string what);
}
