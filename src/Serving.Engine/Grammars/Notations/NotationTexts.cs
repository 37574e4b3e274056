using System.Text;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>Texts between quotation marks, and characters that a backslash stands before.</summary>
internal static class NotationTexts
{
    /// <summary>Reads a text up to its closing mark; the opening one has been passed.</summary>
    public static string ReadQuoted(NotationCursor cursor, char mark)
    {
        var text = new StringBuilder();
        while (cursor.Next != mark || cursor.IsAtEnd)
        {
            if (cursor.IsAtEnd || cursor.Next is '\n')
            {
                throw cursor.Malformed("a text does not end");
            }

            text.Append(new Rune(ReadCharacter(cursor)));
        }

        cursor.TakeCharacter();
        return text.ToString();
    }

    /// <summary>Reads one character, written as itself or with a backslash.</summary>
    public static int ReadCharacter(NotationCursor cursor)
    {
        if (!cursor.Take("\\"))
        {
            return cursor.TakeCharacter();
        }

        var character = cursor.TakeCharacter();
        return character switch
        {
            'a' => '\a',
            'b' => '\b',
            'e' => 27,
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\v',
            '0' => 0,
            'x' => cursor.TakeHex(2, 2),
            'u' => PatternClasses.ReadCode(cursor),
            'U' => Rune.TryCreate(cursor.TakeHex(8, 8), out var rune) ? rune.Value : throw cursor.Malformed("a character's code"),
            _ when character < 0x80 && !char.IsAsciiLetterOrDigit((char)character) => character,
            _ => throw cursor.Malformed("a backslash before something that needs none"),
        };
    }
}
