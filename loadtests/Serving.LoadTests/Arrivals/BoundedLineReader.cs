namespace Serving.LoadTests.Arrivals;

/// <summary>Reads lines of a bounded length: of a longer one no more than that is ever held.</summary>
/// <param name="text">Where from.</param>
/// <param name="maxLength">Longest line, characters.</param>
internal sealed class BoundedLineReader(TextReader text, int maxLength)
{
    private readonly char[] _buffer = new char[4096];
    private readonly System.Text.StringBuilder _line = new();
    private int _at;
    private int _count;

    /// <summary>Whether reading ended at a line that is too long.</summary>
    public bool TooLong { get; private set; }

    /// <summary>The next line without its end; null at the end of the text, or of what is read of it.</summary>
    public string? Read()
    {
        if (TooLong)
        {
            return null;
        }

        _line.Clear();
        var any = false;
        while (Fill())
        {
            any = true;
            var rest = _buffer.AsSpan(_at, _count - _at);
            var end = rest.IndexOf('\n');
            var part = end < 0 ? rest : rest[..end];
            if (part.Length > maxLength - _line.Length)
            {
                TooLong = true;
                return null;
            }

            _line.Append(part);
            _at += end < 0 ? rest.Length : end + 1;
            if (end >= 0)
            {
                break;
            }
        }

        return any ? _line.ToString().TrimEnd('\r') : null;
    }

    private bool Fill()
    {
        if (_at == _count)
        {
            (_at, _count) = (0, text.Read(_buffer));
        }

        return _count > 0;
    }
}
