using Serving.Compute.Adapters;

namespace Serving.Compute.Cuda.Memory;

/// <summary>An adapter cut into cells, in pages of an <see cref="AdapterArena"/>: what a load copies as it is.</summary>
/// <param name="arena">Whose pages they are.</param>
/// <param name="plan">How it was cut.</param>
/// <param name="scales">alpha ÷ rank by slice of the adapter.</param>
/// <param name="hostPages">Its pages in the arena.</param>
internal sealed class CutAdapter(AdapterArena arena, CellPlan plan, float[] scales, int[] hostPages) : IPreparedAdapter
{
    private long _lastLoad;
    private int _disposed;

    /// <inheritdoc/>
    public int PageCount => plan.Layout.PageCount;

    /// <summary>How it was cut.</summary>
    public CellPlan Plan => plan;

    /// <summary>alpha ÷ rank by slice of the adapter.</summary>
    public ReadOnlySpan<float> Scales => scales;

    /// <summary>Its pages in the arena.</summary>
    public ReadOnlySpan<int> ArenaPages => hostPages;

    /// <summary>An adapter that is still there, of an arena.</summary>
    /// <exception cref="ArgumentException">Another backend prepared it.</exception>
    public static CutAdapter From(IPreparedAdapter adapter, AdapterArena arena)
    {
        var cut = adapter as CutAdapter;
        if (cut?.IsOf(arena) != true)
        {
            throw new ArgumentException("The adapter was prepared by another backend.", nameof(adapter));
        }

        ObjectDisposedException.ThrowIf(Volatile.Read(ref cut._disposed) != 0, cut);
        return cut;
    }

    /// <summary>A load copies from its pages.</summary>
    public void CopiedBy(long load) => Volatile.Write(ref _lastLoad, load);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            arena.Return(hostPages, Volatile.Read(ref _lastLoad));
        }
    }

    private bool IsOf(AdapterArena other) => ReferenceEquals(arena, other);
}
