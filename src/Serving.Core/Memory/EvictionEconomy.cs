namespace Serving.Core.Memory;

/// <summary>
/// The one place where it is decided what goes first when pages lack: Greedy-Dual-Size-Frequency (Cherkasova 1998) over everything idle. A thing's value is
/// H = L + uses × cost ÷ pages, L being the H of the last evicted, so that what was not used for long loses against what is used now. A binary heap with a place per thing;
/// equal values go in the order in which they were offered.
/// </summary>
internal sealed class EvictionEconomy
{
    private const int Absent = -1;
    private readonly List<(IEvictable Holder, int First)> _holders = [];
    private int[] _heap = [];
    private int[] _place = [];
    private double[] _value = [];
    private long[] _offer = [];
    private long _offers;

    /// <summary>Things offered now.</summary>
    public int Count { get; private set; }

    /// <summary>H of the last evicted thing.</summary>
    public double Inflation { get; private set; }

    /// <summary>Evictions so far.</summary>
    public long Evictions { get; private set; }

    /// <summary>Pages that come free when everything idle is given up.</summary>
    public int EvictablePages
    {
        get
        {
            var pages = 0;
            foreach (var (holder, _) in _holders)
            {
                pages += holder.EvictablePages;
            }

            return pages;
        }
    }

    /// <summary>Adds a holder of <paramref name="capacity"/> things.</summary>
    /// <returns>The item number of its thing 0.</returns>
    public int Register(IEvictable holder, int capacity)
    {
        var first = _heap.Length;
        _holders.Add((holder, first));
        Array.Resize(ref _heap, first + capacity);
        Array.Resize(ref _place, first + capacity);
        Array.Resize(ref _value, first + capacity);
        Array.Resize(ref _offer, first + capacity);
        _place.AsSpan(first).Fill(Absent);
        return first;
    }

    /// <summary>Whether an item is offered.</summary>
    public bool Contains(int item) => _place[item] != Absent;

    /// <summary>H of an offered item.</summary>
    public double ValueOf(int item) => _value[item];

    /// <summary>Offers an idle item.</summary>
    /// <param name="item">Its number.</param>
    /// <param name="uses">How often it was used.</param>
    /// <param name="cost">Seconds to get it back.</param>
    /// <param name="pages">Pages that it holds.</param>
    public void Offer(int item, long uses, double cost, int pages)
    {
        Integrity.Require(!Contains(item), $"item {item} is offered twice");
        _value[item] = Inflation + (uses * cost / Math.Max(1, pages));
        _offer[item] = _offers++;
        Place(item, Count++);
        Rise(Count - 1);
    }

    /// <summary>Takes an item back; nothing happens when it is not offered.</summary>
    public void Withdraw(int item)
    {
        var place = _place[item];
        if (place == Absent)
        {
            return;
        }

        _place[item] = Absent;
        Count--;
        if (place < Count)
        {
            Place(_heap[Count], place);
            Rise(place);
            Sink(place);
        }
    }

    /// <summary>Evicts the item of the lowest value; false when nothing is offered.</summary>
    public bool EvictLowest()
    {
        if (Count == 0)
        {
            return false;
        }

        Evict(_heap[0]);
        return true;
    }

    /// <summary>Evicts an offered item.</summary>
    public void Evict(int item)
    {
        Inflation = Math.Max(Inflation, _value[item]);
        Evictions++;
        Withdraw(item);
        for (var i = _holders.Count - 1; i >= 0; i--)
        {
            if (item >= _holders[i].First)
            {
                _holders[i].Holder.Evict(item - _holders[i].First);
                return;
            }
        }
    }

    /// <summary>Throws unless every item is where it says and none goes before the one above it.</summary>
    public void CheckIntegrity()
    {
        for (var place = 0; place < Count; place++)
        {
            Integrity.Require(_place[_heap[place]] == place, $"item {_heap[place]} is offered at another place");
            Integrity.Require(place == 0 || !Before(_heap[place], _heap[(place - 1) / 2]), $"item {_heap[place]} has a lower value than the one above it");
        }
    }

    private bool Before(int left, int right) =>
        _value[left] != _value[right] ? _value[left] < _value[right] : _offer[left] < _offer[right];

    private void Place(int item, int place)
    {
        _heap[place] = item;
        _place[item] = place;
    }

    private void Rise(int place)
    {
        var item = _heap[place];
        while (place > 0 && Before(item, _heap[(place - 1) / 2]))
        {
            Place(_heap[(place - 1) / 2], place);
            place = (place - 1) / 2;
        }

        Place(item, place);
    }

    private void Sink(int place)
    {
        var item = _heap[place];
        while ((2 * place) + 1 < Count)
        {
            var child = (2 * place) + 1;
            child += child + 1 < Count && Before(_heap[child + 1], _heap[child]) ? 1 : 0;
            if (!Before(_heap[child], item))
            {
                break;
            }

            Place(_heap[child], place);
            place = child;
        }

        Place(item, place);
    }
}
