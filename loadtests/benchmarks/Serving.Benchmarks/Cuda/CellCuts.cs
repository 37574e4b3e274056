using System.Diagnostics;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Several adapters of one rank on all slices, cut one after the other, and what that is measured beside: copies of the same bytes.</summary>
internal sealed class CellCuts
{
    private readonly (AdapterWeights Weights, List<CellCut> Cuts)[] _adapters;
    private readonly AdapterLayout _layout;
    private readonly int _pageElements;
    private readonly ushort[] _ring;
    private int _turn;

    /// <summary>Makes the adapters: enough of them that none is still in a cache when its turn comes again.</summary>
    public CellCuts(ModelProgram program, int rank, int adapters, int ringPages)
    {
        _layout = AdapterLayout.Create(program.Slices, program.Slices.Select(slice => (slice.Index, rank)), program.Shape.PageBytes);
        _pageElements = (int)(program.Shape.PageBytes / sizeof(ushort));
        _ring = GC.AllocateArray<ushort>(ringPages * _pageElements, pinned: true);
        _adapters = [.. Enumerable.Range(0, adapters).Select(seed => StepSession.RandomAdapter(program, rank, seed))
            .Select(weights => (weights, CellCut.List(program.Slices, weights, _layout)))];
        Bytes = _adapters[0].Weights.Slices.Sum(slice => (long)(slice.A.Length + slice.B.Length) * sizeof(ushort));
    }

    /// <summary>Bytes of an adapter's matrices.</summary>
    public long Bytes { get; }

    /// <summary>Seconds that the next adapter takes to be cut, page by page, into a ring of pages.</summary>
    public double Cut()
    {
        var cuts = _adapters[Next()].Cuts;
        var start = Stopwatch.GetTimestamp();
        foreach (var cut in cuts)
        {
            cut.Pack(_ring.AsSpan(cut.Run.Page * _pageElements % _ring.Length, _pageElements));
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Seconds that copies of the next adapter's matrices into the ring take, as they are.</summary>
    public double Copy()
    {
        var weights = _adapters[Next()].Weights;
        var start = Stopwatch.GetTimestamp();
        var at = 0;
        foreach (var slice in weights.Slices)
        {
            at = Copy(slice.B.Span, Copy(slice.A.Span, at));
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private int Copy(ReadOnlySpan<ushort> matrix, int at)
    {
        at = at + matrix.Length > _ring.Length ? 0 : at;
        matrix.CopyTo(_ring.AsSpan(at));
        return at + matrix.Length;
    }

    private int Next() => _turn = (_turn + 1) % _adapters.Length;
}
