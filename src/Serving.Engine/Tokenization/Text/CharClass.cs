using System.Globalization;

namespace Serving.Engine.Tokenization.Text;

/// <summary>What the tokenizers' patterns ask of a character; one bit each.</summary>
[Flags]
internal enum CharClass : byte
{
    /// <summary>None of the others.</summary>
    Other = 0,

    /// <summary>General category L: <c>\p{L}</c>.</summary>
    Letter = 1,

    /// <summary>General category N: <c>\p{N}</c>.</summary>
    Number = 2,

    /// <summary>White_Space: <c>\s</c>.</summary>
    Space = 4,

    /// <summary>Carriage return or line feed; also <see cref="Space"/>.</summary>
    Newline = 8,

    /// <summary>General category P or an ASCII symbol.</summary>
    Punctuation = 16,

    /// <summary>A word character: <c>\w</c> (letters, marks, decimal digits and letter numbers, connectors, joiners).</summary>
    Word = 32,
}

/// <summary>Character classes of Unicode scalar values; a table for the basic plane, computed for the others.</summary>
internal static class CharClasses
{
    private static readonly CharClass[] Basic = Build();

    /// <summary>The classes of a UTF-16 unit; a surrogate has none.</summary>
    public static CharClass Of(char value) => Basic[value];

    /// <summary>The classes of the scalar at <paramref name="index"/>, and its length in UTF-16 units.</summary>
    public static CharClass At(ReadOnlySpan<char> text, int index, out int length)
    {
        var value = text[index];
        if (char.IsHighSurrogate(value) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
        {
            length = 2;
            return Compute(char.ConvertToUtf32(value, text[index + 1]));
        }

        length = 1;
        return Basic[value];
    }

    /// <summary>The classes of the scalar that ends before <paramref name="index"/>, which is above zero.</summary>
    public static CharClass Before(ReadOnlySpan<char> text, int index)
    {
        var low = index >= 2 && char.IsLowSurrogate(text[index - 1]) && char.IsHighSurrogate(text[index - 2]);
        return At(text, low ? index - 2 : index - 1, out _);
    }

    private static CharClass[] Build()
    {
        var table = new CharClass[char.MaxValue + 1];
        for (var value = 0; value < table.Length; value++)
        {
            table[value] = char.IsSurrogate((char)value) ? CharClass.Other : Compute(value);
        }

        return table;
    }

    private static CharClass Compute(int scalar)
    {
        var result = CharUnicodeInfo.GetUnicodeCategory(scalar) switch
        {
            <= UnicodeCategory.OtherLetter => CharClass.Letter | CharClass.Word,
            <= UnicodeCategory.EnclosingMark => CharClass.Word,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber => CharClass.Number | CharClass.Word,
            UnicodeCategory.OtherNumber => CharClass.Number,
            UnicodeCategory.ConnectorPunctuation => CharClass.Punctuation | CharClass.Word,
            >= UnicodeCategory.DashPunctuation and <= UnicodeCategory.OtherPunctuation => CharClass.Punctuation,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => CharClass.Space,
            _ => CharClass.Other,
        };
        return result | scalar switch
        {
            '\r' or '\n' => CharClass.Space | CharClass.Newline,
            '\t' or '\v' or '\f' or 0x85 => CharClass.Space,
            '$' or '+' or '<' or '=' or '>' or '^' or '`' or '|' or '~' => CharClass.Punctuation,
            0x200C or 0x200D => CharClass.Word,
            >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189 => CharClass.Word,
            _ => CharClass.Other,
        };
    }
}
