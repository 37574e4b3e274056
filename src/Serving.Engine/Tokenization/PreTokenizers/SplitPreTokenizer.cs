using Serving.Engine.Tokenization.Patterns;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>
/// Cuts a text at delimiters. With <c>invert</c> the delimiters are what the scanner does not find. The text is a row of segments,
/// delimiter or not; a behavior says which neighbours stay together.
/// </summary>
internal sealed class SplitPreTokenizer(TextScanner scanner, SplitBehavior behavior, bool invert) : PreTokenizer
{
    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next)
    {
        var pieces = new Pieces(text, atStart, behavior, next);
        var matches = new MatchWalk(scanner, text);
        var end = 0;
        while (matches.Next())
        {
            if (matches.Start > end)
            {
                pieces.Add(matches.Start, invert);
            }

            pieces.Add(matches.End, !invert);
            end = matches.End;
        }

        if (end < text.Length)
        {
            pieces.Add(text.Length, invert);
        }

        pieces.Flush();
    }

    private ref struct Pieces(ReadOnlySpan<char> text, bool atStart, SplitBehavior behavior, PieceSink next)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private int _start;
        private int _end;
        private bool _isDelimiter;
        private bool _any;

        /// <summary>Adds the segment from the end of the last one to <paramref name="end"/>.</summary>
        public void Add(int end, bool isDelimiter)
        {
            var start = _end;
            if (behavior == SplitBehavior.Removed)
            {
                _start = isDelimiter ? end : start;
                _end = end;
                Flush();
                return;
            }

            if (!_any || !Joins(isDelimiter))
            {
                Flush();
                _start = start;
            }

            (_end, _isDelimiter, _any) = (end, isDelimiter, true);
        }

        /// <summary>Hands on what has been put together.</summary>
        public void Flush()
        {
            if (_end > _start)
            {
                next.Accept(_text[_start.._end], atStart && _start == 0);
            }

            _start = _end;
        }

        private readonly bool Joins(bool isDelimiter) => behavior switch
        {
            SplitBehavior.MergedWithPrevious => isDelimiter && !_isDelimiter,
            SplitBehavior.MergedWithNext => !isDelimiter && _isDelimiter,
            SplitBehavior.Contiguous => isDelimiter == _isDelimiter,
            _ => false,
        };
    }
}
