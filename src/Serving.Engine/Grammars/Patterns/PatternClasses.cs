using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>What stands for one character in a pattern: itself, a dot, an escape, brackets.</summary>
internal static class PatternClasses
{
    private static readonly CharacterSet Digits = CharacterSet.Of(('0', '9'));
    private static readonly CharacterSet Word = CharacterSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));

    /// <summary>WhiteSpace and LineTerminator of ECMA-262.</summary>
    private static readonly CharacterSet Space = CharacterSet.Of(
        ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    private static readonly CharacterSet Dot = CharacterSet.OfCharacters('\n', '\r', 0x2028, 0x2029).Complement();

    /// <summary>Reads one character's set outside of brackets, or a whole pair of brackets.</summary>
    public static CharacterSet Read(PatternCursor cursor)
    {
        if (cursor.Take("."))
        {
            return cursor.DotIsAll ? CharacterSet.All : Dot;
        }

        if (cursor.Take("["))
        {
            return ReadBrackets(cursor);
        }

        return cursor.Next == '\\' ? ReadEscape(cursor, isInBrackets: false) : CharacterSet.OfCharacters(cursor.TakeCharacter());
    }

    private static CharacterSet ReadBrackets(PatternCursor cursor)
    {
        var isNegated = cursor.Take("^");
        var ranges = new List<(int First, int Last)>();
        while (!cursor.Take("]"))
        {
            var low = ReadMember(cursor);
            if (cursor.Next == '-' && cursor.Ahead(1) is not (']' or '\0'))
            {
                cursor.Take("-");
                AddRange(cursor, ranges, low, ReadMember(cursor));
            }
            else
            {
                ranges.AddRange(low.Ranges);
            }
        }

        var set = CharacterSet.Of([.. ranges]);
        return isNegated ? set.Complement() : set;
    }

    // A hyphen beside a class such as \w is itself: there is nothing else that it could mean.
    private static void AddRange(PatternCursor cursor, List<(int First, int Last)> ranges, CharacterSet low, CharacterSet high)
    {
        if (Single(low) is not { } first || Single(high) is not { } last)
        {
            ranges.AddRange([.. low.Ranges, ('-', '-'), .. high.Ranges]);
            return;
        }

        ranges.Add(first <= last ? (first, last) : throw cursor.Malformed("a range is out of order"));
    }

    private static int? Single(CharacterSet set) => set.Ranges is [var (first, last)] && first == last ? first : null;

    private static CharacterSet ReadMember(PatternCursor cursor) =>
        cursor.Next == '\\' ? ReadEscape(cursor, isInBrackets: true) : CharacterSet.OfCharacters(cursor.TakeCharacter());

    private static CharacterSet ReadEscape(PatternCursor cursor, bool isInBrackets)
    {
        var start = cursor.At;
        cursor.Take("\\");
        var character = cursor.TakeCharacter();
        switch (character)
        {
            case 'd' or 'D':
                return character == 'd' ? Digits : Digits.Complement();
            case 'w' or 'W':
                return character == 'w' ? Word : Word.Complement();
            case 's' or 'S':
                return character == 's' ? Space : Space.Complement();
            case 'p' or 'P':
                return character == 'p' ? ReadProperty(cursor) : ReadProperty(cursor).Complement();
            case 'b' when isInBrackets:
                return CharacterSet.OfCharacters('\b');
            case 'b' or 'B' or 'k' or (>= '1' and <= '9'):
                cursor.Return(start);
                throw cursor.NotDone(character is 'b' or 'B' ? "a word boundary" : "a reference to a group");
            default:
                return CharacterSet.OfCharacters(ReadEscaped(cursor, character));
        }
    }

    private static int ReadEscaped(PatternCursor cursor, int character) => character switch
    {
        't' => '\t',
        'n' => '\n',
        'v' => '\v',
        'f' => '\f',
        'r' => '\r',
        '0' when !char.IsAsciiDigit(cursor.Next) => 0,
        'c' when char.IsAsciiLetter(cursor.Next) => cursor.TakeCharacter() % 32,
        'x' => cursor.TakeHex(2, 2),
        'u' => ReadCode(cursor),
        _ when character < 0x80 && char.IsAsciiLetterOrDigit((char)character) => throw cursor.Malformed($"there is no escape \\{(char)character}"),
        _ => character,
    };

    /// <summary>Reads what stands behind <c>\u</c>: four digits, twice where it takes two to name a character, or some in braces.</summary>
    public static int ReadCode(TextCursor cursor)
    {
        if (cursor.Take("{"))
        {
            var code = cursor.TakeHex(1, 6);
            return cursor.Take("}") && Rune.IsValid(code) ? code : throw cursor.Malformed("a character's code");
        }

        var high = cursor.TakeHex(4, 4);
        if (!char.IsSurrogate((char)high))
        {
            return high;
        }

        return cursor.Take("\\u") && Rune.TryCreate((char)high, (char)cursor.TakeHex(4, 4), out var rune) ? rune.Value : throw cursor.Malformed("half a character");
    }

    private static CharacterSet ReadProperty(PatternCursor cursor)
    {
        var start = cursor.At;
        var name = new StringBuilder();
        if (!cursor.Take("{"))
        {
            throw cursor.Malformed("a property's name is missing");
        }

        while (!cursor.Take("}"))
        {
            name.Append(new Rune(cursor.TakeCharacter()));
        }

        if (UnicodeProperties.Find(name.ToString()) is { } set)
        {
            return set;
        }

        cursor.Return(start);
        throw cursor.NotDone("a property of characters that is neither a general category nor Any, ASCII or Assigned");
    }
}
