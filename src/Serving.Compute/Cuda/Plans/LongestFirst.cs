using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// Puts items in order of falling length, by counting. Blocks take units in turns, every second turn from the last block to the first: of falling units they get equally
/// much, but for less than the longest.
/// </summary>
internal sealed class LongestFirst
{
    private readonly int[] _next;

    /// <summary>Takes room for lengths up to that of the longest context.</summary>
    public LongestFirst(int maxContext) => _next = new int[AttentionShares.TilesOf(maxContext) + 1];

    /// <summary>Tiles that an item walks.</summary>
    public static int TilesOf(in AttentionItem item) =>
        AttentionShares.TilesOf((int)Math.Min((item.FirstSplit + (long)item.SplitCount) * AttentionPlan.Split, item.LastOrdinal + 1) - item.BeginOrdinal);

    /// <summary>Fills a list with items, the longest first; equally long ones keep their order.</summary>
    public void Fill(List<AttentionItem> ordered, ReadOnlySpan<AttentionItem> items)
    {
        _next.AsSpan().Clear();
        foreach (ref readonly var item in items)
        {
            _next[TilesOf(item)]++;
        }

        var first = 0;
        for (var tiles = _next.Length - 1; tiles >= 0; tiles--)
        {
            (_next[tiles], first) = (first, first + _next[tiles]);
        }

        CollectionsMarshal.SetCount(ordered, items.Length);
        var places = CollectionsMarshal.AsSpan(ordered);
        foreach (ref readonly var item in items)
        {
            places[_next[TilesOf(item)]++] = item;
        }
    }
}
