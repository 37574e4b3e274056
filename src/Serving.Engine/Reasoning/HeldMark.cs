using System.Text;

namespace Serving.Engine.Reasoning;

/// <summary>The end of a text that may be the beginning of a mark, with the white space before it, held back until it is clear.</summary>
internal sealed class HeldMark
{
    /// <summary>White space held back at most: more of it is text.</summary>
    public const int MaxSpace = 64;

    private readonly StringBuilder _text = new();
    private int _markAt = -1;

    /// <summary>Whether nothing is held.</summary>
    public bool IsEmpty => _text.Length == 0;

    /// <summary>Whether a character goes on with what is held.</summary>
    /// <returns>Null where it does not: what is held is text then, to be taken before the character is given again. Else whether the mark is complete.</returns>
    public bool? Next(char c, string mark)
    {
        if (_markAt < 0)
        {
            if (char.IsWhiteSpace(c) ? _text.Length == MaxSpace : c != mark[0])
            {
                return null;
            }

            _markAt = c == mark[0] ? _text.Length : -1;
        }
        else if (c != mark[_text.Length - _markAt])
        {
            return null;
        }

        _text.Append(c);
        return _markAt >= 0 && _text.Length - _markAt == mark.Length;
    }

    /// <summary>What is held; nothing is any more.</summary>
    public string Take()
    {
        var text = _text.ToString();
        _text.Clear();
        _markAt = -1;
        return text;
    }
}
