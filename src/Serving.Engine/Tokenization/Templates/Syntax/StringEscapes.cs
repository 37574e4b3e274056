using System.Globalization;
using System.Text;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Python's escapes in string literals; an unknown one stays as it is written.</summary>
internal static class StringEscapes
{
    /// <summary>Appends the character whose escape continues at <paramref name="at"/>, behind the backslash.</summary>
    /// <returns>The offset behind the escape.</returns>
    public static int Append(StringBuilder text, string source, int at)
    {
        var c = source[at++];
        var plain = c switch
        {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\a',
            'b' => '\b',
            'f' => '\f',
            'v' => '\v',
            '\\' or '\'' or '"' => c,
            _ => '\0',
        };
        if (plain != '\0')
        {
            text.Append(plain);
            return at;
        }

        switch (c)
        {
            case '\n':
                return at;
            case 'x':
                return AppendHex(text, source, at, 2);
            case 'u':
                return AppendHex(text, source, at, 4);
            case 'U':
                return AppendHex(text, source, at, 8);
            case >= '0' and <= '7':
                return AppendOctal(text, source, at - 1);
            case 'N':
                throw new TemplateFault("character names (\\N) are not supported") { Offset = at - 2 };
            default:
                text.Append('\\').Append(c);
                return at;
        }
    }

    private static int AppendHex(StringBuilder text, string source, int at, int digits)
    {
        if (at + digits > source.Length
            || !uint.TryParse(source.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || code > 0x10ffff)
        {
            throw new TemplateFault("a string has a truncated or invalid escape") { Offset = at - 2 };
        }

        if (code < 0x10000)
        {
            text.Append((char)code);
        }
        else
        {
            text.Append(char.ConvertFromUtf32((int)code));
        }

        return at + digits;
    }

    private static int AppendOctal(StringBuilder text, string source, int at)
    {
        var code = 0;
        for (var digits = 0; digits < 3 && at < source.Length && source[at] is >= '0' and <= '7'; digits++)
        {
            code = (code * 8) + (source[at++] - '0');
        }

        text.Append((char)code);
        return at;
    }
}
