using System.Diagnostics;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Adapters of one rank on all slices, each cut into pages of its own as in the host cache, and what that is measured beside: copies of the same bytes.</summary>
internal sealed class CellCuts
{
    private readonly ModelProgram _program;
    private readonly AdapterWeights[] _adapters;
    private readonly ushort[][] _pages;
    private readonly CellPlan _plan;
    private readonly int _pageElements;
    private int _turn;

    /// <summary>Makes the adapters: enough of them that none is still in a cache when its turn comes again.</summary>
    public CellCuts(ModelProgram program, int rank, int adapters)
    {
        _program = program;
        _pageElements = (int)(program.Shape.PageBytes / sizeof(ushort));
        _adapters = [.. Enumerable.Range(0, adapters).Select(seed => StepSession.RandomAdapter(program, rank, seed))];
        _plan = MakePlan(_adapters[0]);
        _pages = [.. _adapters.Select(_ => GC.AllocateArray<ushort>(_plan.Layout.PageCount * _pageElements, pinned: true))];
        Bytes = _adapters[0].Slices.Sum(slice => (long)(slice.A.Length + slice.B.Length) * sizeof(ushort));
    }

    /// <summary>Bytes of an adapter's matrices.</summary>
    public long Bytes { get; }

    /// <summary>Seconds that a plan takes, before the first cut of the first adapter with its ranks.</summary>
    public double Plan() => Time(() => GC.KeepAlive(MakePlan(_adapters[0])));

    /// <summary>Seconds that the next adapter takes to be cut.</summary>
    public double Cut()
    {
        var turn = Next();
        return Time(() => Cut(turn));
    }

    /// <summary>Seconds that the next adapters take, cut side by side, each by a thread.</summary>
    public double CutSideBySide(int threads)
    {
        int[] turns = [.. Enumerable.Range(0, threads).Select(_ => Next())];
        return Time(() => Parallel.ForEach(turns, new ParallelOptions { MaxDegreeOfParallelism = threads }, Cut));
    }

    /// <summary>Seconds that copies of the next adapter's matrices take, as they are.</summary>
    public double Copy()
    {
        var turn = Next();
        return Time(() =>
        {
            var target = _pages[turn].AsSpan();
            foreach (var slice in _adapters[turn].Slices)
            {
                slice.A.Span.CopyTo(target);
                slice.B.Span.CopyTo(target[slice.A.Length..]);
                target = target[(slice.A.Length + slice.B.Length)..];
            }
        });
    }

    private void Cut(int turn) => _plan.Cut(_adapters[turn], page => _pages[turn].AsSpan(page * _pageElements, _pageElements));

    private static double Time(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private CellPlan MakePlan(AdapterWeights adapter) => new CellPlans(_program.Slices, _program.Shape.PageBytes).Of(adapter);

    private int Next() => _turn = (_turn + 1) % _adapters.Length;
}
