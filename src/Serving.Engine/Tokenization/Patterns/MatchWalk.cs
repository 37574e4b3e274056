namespace Serving.Engine.Tokenization.Patterns;

/// <summary>The matches of a scanner from left to right. An empty match right behind the last match does not count.</summary>
internal ref struct MatchWalk(TextScanner scanner, ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private readonly ScalarText? _prepared = scanner.Prepare(text);
    private int _from;
    private int _lastEnd = -1;

    /// <summary>Where the current match begins.</summary>
    public int Start { get; private set; }

    /// <summary>Where the current match ends.</summary>
    public int End { get; private set; }

    /// <summary>Moves to the next match.</summary>
    public bool Next()
    {
        while (_from <= _text.Length)
        {
            Start = scanner.Find(_text, _prepared, _from, out var length);
            if (Start < 0)
            {
                break;
            }

            if (length > 0 || Start != _lastEnd)
            {
                End = _from = _lastEnd = Start + length;
                return true;
            }

            var pair = _from + 1 < _text.Length && char.IsHighSurrogate(_text[_from]) && char.IsLowSurrogate(_text[_from + 1]);
            _from += pair ? 2 : 1;
        }

        return false;
    }
}
