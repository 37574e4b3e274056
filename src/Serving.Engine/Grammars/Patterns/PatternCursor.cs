using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>A pattern and the place up to which it has been read.</summary>
internal sealed class PatternCursor(string pattern, string field)
{
    /// <summary>The place, in UTF-16 units.</summary>
    public int At { get; private set; }

    public bool IsAtEnd => At == pattern.Length;

    /// <summary>The unit at the place; NUL behind the end.</summary>
    public char Next => Ahead(0);

    /// <summary>The unit some units on; NUL behind the end.</summary>
    public char Ahead(int units) => At + units < pattern.Length ? pattern[At + units] : '\0';

    /// <summary>Passes a text if it stands here.</summary>
    public bool Take(string text)
    {
        var stands = pattern.AsSpan(At).StartsWith(text, StringComparison.Ordinal);
        At += stands ? text.Length : 0;
        return stands;
    }

    /// <summary>Passes one character.</summary>
    public int TakeCharacter()
    {
        if (IsAtEnd)
        {
            throw Malformed("it ends early");
        }

        if (!Rune.TryGetRuneAt(pattern, At, out var rune))
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

    /// <summary>What is wrong with the pattern here.</summary>
    public GrammarException Malformed(string what) => new($"{field}: the pattern is malformed at position {At}: {what}.");

    /// <summary>What is right, but not done.</summary>
    public GrammarException NotDone(string what) => new($"{field}: the pattern has {what} at position {At}, which is not supported.", isNotSupported: true);
}
