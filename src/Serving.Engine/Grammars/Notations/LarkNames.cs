namespace Serving.Engine.Grammars.Notations;

/// <summary>Names of rules, in small letters, and of terminals, in capitals; either may begin with underscores.</summary>
internal static class LarkNames
{
    /// <summary>Whether a name is a terminal's.</summary>
    public static bool IsTerminal(string name) => name.AsSpan().TrimStart('_') is [>= 'A' and <= 'Z', ..];

    /// <summary>Passes a name and returns it, or null.</summary>
    public static string? Take(NotationCursor cursor)
    {
        var start = cursor.At;
        var name = cursor.TakeWhile(static character => char.IsAsciiLetterOrDigit(character) || character == '_');
        if (name.AsSpan().TrimStart('_') is [>= 'A' and <= 'Z', ..] or [>= 'a' and <= 'z', ..])
        {
            return name;
        }

        cursor.Return(start);
        return null;
    }

    /// <summary>Passes the name of what is defined, with the marks before it that tell what becomes of it in the tree, and the space behind it.</summary>
    public static string? TakeDefined(NotationCursor cursor)
    {
        while (cursor.Next is '?' or '!')
        {
            cursor.TakeCharacter();
        }

        var name = Take(cursor);
        cursor.SkipSpace();
        return name;
    }

    /// <summary>Whether a definition or a statement begins here; nothing is passed.</summary>
    public static bool IsAtDefinition(NotationCursor cursor)
    {
        var start = cursor.At;
        var begins = cursor.Next == '%' && !cursor.StandsHere("%json") && !cursor.StandsHere("%regex");
        if (!begins && TakeDefined(cursor) is not null)
        {
            begins = cursor.Next == ':' || (cursor.Next == '.' && (char.IsAsciiDigit(cursor.Ahead(1)) || cursor.Ahead(1) == '-')) || IsAtTemplate(cursor);
        }

        cursor.Return(start);
        return begins;
    }

    // Behind a name in braces or brackets, and no repeat or optional part: a colon follows.
    private static bool IsAtTemplate(NotationCursor cursor)
    {
        if (cursor.Next is not ('{' or '['))
        {
            return false;
        }

        var close = cursor.Next == '{' ? '}' : ']';
        cursor.TakeWhile(character => character != close && character != '\n');
        cursor.Take(close.ToString());
        cursor.SkipSpace();
        return cursor.Next == ':';
    }
}
