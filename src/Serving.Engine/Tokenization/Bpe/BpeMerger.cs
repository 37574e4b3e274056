using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>
/// Merges the symbols of one word: always the pair of lowest rank, the leftmost of equals, until none is left. Short words scan an
/// array of ranks; long ones keep their candidates in a binary heap over a linked list, so that a hostile word of n symbols
/// costs n log n. Belongs to one encoding call; its arrays grow to the longest word it meets.
/// </summary>
internal sealed class BpeMerger(MergeTable merges)
{
    private const int ShortWord = 40;

    private readonly MergeTable _merges = merges;
    private int[] _symbols = new int[ShortWord];
    private int[] _ranks = new int[ShortWord];
    private int[] _next = [];
    private int[] _previous = [];
    private ulong[] _heap = [];
    private int _heapCount;

    /// <summary>The symbols of the current word.</summary>
    public int Count { get; private set; }

    /// <summary>Starts a word.</summary>
    public void Clear() => Count = 0;

    /// <summary>Appends a symbol to the word.</summary>
    public void Add(int id)
    {
        if (Count == _symbols.Length)
        {
            Array.Resize(ref _symbols, Count * 2);
        }

        _symbols[Count++] = id;
    }

    /// <summary>Merges the word and appends what remains.</summary>
    public void Merge(IdBuffer output)
    {
        if (Count <= ShortWord)
        {
            MergeShort();
            output.AddRange(_symbols.AsSpan(0, Count));
            return;
        }

        MergeLong();
        for (var i = 0; i >= 0; i = _next[i])
        {
            output.Add(_symbols[i]);
        }
    }

    private void MergeShort()
    {
        var symbols = _symbols;
        var ranks = _ranks;
        var count = Count;
        for (var i = 0; i + 1 < count; i++)
        {
            ranks[i] = _merges.Rank(symbols[i], symbols[i + 1]);
        }

        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                best = ranks[i] < ranks[best] ? i : best;
            }

            if (ranks[best] == MergeTable.None)
            {
                break;
            }

            symbols[best] = _merges.Result(ranks[best]);
            count--;
            symbols.AsSpan(best + 2, count - best - 1).CopyTo(symbols.AsSpan(best + 1));
            ranks.AsSpan(best + 1, count - best - 1).CopyTo(ranks.AsSpan(best));
            if (best > 0)
            {
                ranks[best - 1] = _merges.Rank(symbols[best - 1], symbols[best]);
            }

            if (best + 1 < count)
            {
                ranks[best] = _merges.Rank(symbols[best], symbols[best + 1]);
            }
        }

        Count = count;
    }

    private void MergeLong()
    {
        LinkAll();
        while (_heapCount > 0)
        {
            var top = Pop();
            var (at, rank) = ((int)(uint)top, (int)(top >> 32));
            var right = _symbols[at] < 0 ? -1 : _next[at];
            if (right < 0 || _merges.Rank(_symbols[at], _symbols[right]) != rank)
            {
                continue;
            }

            _symbols[at] = _merges.Result(rank);
            _symbols[right] = -1;
            _next[at] = _next[right];
            if (_next[at] >= 0)
            {
                _previous[_next[at]] = at;
                Offer(at, _next[at]);
            }

            if (_previous[at] >= 0)
            {
                Offer(_previous[at], at);
            }
        }
    }

    private void LinkAll()
    {
        if (_next.Length < Count)
        {
            _next = new int[_symbols.Length];
            _previous = new int[_symbols.Length];
            _heap = new ulong[_symbols.Length];
        }

        _heapCount = 0;
        for (var i = 0; i < Count; i++)
        {
            _next[i] = i + 1 < Count ? i + 1 : -1;
            _previous[i] = i - 1;
            if (i > 0)
            {
                Offer(i - 1, i);
            }
        }
    }

    private void Offer(int left, int right)
    {
        var rank = _merges.Rank(_symbols[left], _symbols[right]);
        if (rank == MergeTable.None)
        {
            return;
        }

        if (_heapCount == _heap.Length)
        {
            Array.Resize(ref _heap, _heapCount * 2);
        }

        var entry = ((ulong)rank << 32) | (uint)left;
        var i = _heapCount++;
        for (; i > 0 && _heap[(i - 1) / 2] > entry; i = (i - 1) / 2)
        {
            _heap[i] = _heap[(i - 1) / 2];
        }

        _heap[i] = entry;
    }

    private ulong Pop()
    {
        var top = _heap[0];
        var last = _heap[--_heapCount];
        var i = 0;
        while (2 * i + 1 < _heapCount)
        {
            var child = 2 * i + 1;
            child += child + 1 < _heapCount && _heap[child + 1] < _heap[child] ? 1 : 0;
            if (_heap[child] >= last)
            {
                break;
            }

            _heap[i] = _heap[child];
            i = child;
        }

        _heap[i] = last;
        return top;
    }
}
