using System.Diagnostics;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Several adapters of one rank on all slices, cut one after the other, and what that is measured beside: copies of the same bytes.</summary>
internal sealed class CellCuts
{
    private readonly ModelProgram _program;
    private readonly AdapterWeights[] _adapters;
    private readonly CellPieces _pieces;
    private readonly int _pageElements;
    private readonly ushort[] _ring;
    private int _turn;

    /// <summary>Makes the adapters: enough of them that none is still in a cache when its turn comes again.</summary>
    public CellCuts(ModelProgram program, int rank, int adapters, int ringPages)
    {
        _program = program;
        _pageElements = (int)(program.Shape.PageBytes / sizeof(ushort));
        _ring = GC.AllocateArray<ushort>(ringPages * _pageElements, pinned: true);
        _adapters = [.. Enumerable.Range(0, adapters).Select(seed => StepSession.RandomAdapter(program, rank, seed))];
        _pieces = Plan(_adapters[0]);
        Bytes = _adapters[0].Slices.Sum(slice => (long)(slice.A.Length + slice.B.Length) * sizeof(ushort));
    }

    /// <summary>Bytes of an adapter's matrices.</summary>
    public long Bytes { get; }

    /// <summary>Seconds that a plan takes, before the first cut of the first adapter with its ranks.</summary>
    public double Plan()
    {
        var start = Stopwatch.GetTimestamp();
        GC.KeepAlive(Plan(_adapters[0]));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Seconds that the next adapter takes to be cut into a ring of pages by so many threads.</summary>
    public double Cut(int threads)
    {
        var pieces = _pieces;
        var adapter = _adapters[Next()];
        return Run(threads, pieces.Count, piece => pieces.Cut(piece, adapter, _ring.AsSpan(pieces.PageOf(piece) * _pageElements % _ring.Length, _pageElements)));
    }

    /// <summary>Seconds that copies of the next adapter's matrices into the ring take, as they are, by so many threads.</summary>
    public double Copy(int threads)
    {
        var slices = _adapters[Next()].Slices;
        return Run(threads, 2 * slices.Count, matrix =>
        {
            var source = (matrix % 2 == 0 ? slices[matrix / 2].A : slices[matrix / 2].B).Span;
            source.CopyTo(_ring.AsSpan((int)((long)matrix * _pageElements / 8 % (_ring.Length - source.Length))));
        });
    }

    private static double Run(int threads, int pieces, Action<int> work)
    {
        var start = Stopwatch.GetTimestamp();
        using (var crew = new CutCrew(pieces, threads - 1, work))
        {
            crew.Allow(pieces);
            while (crew.TryWork())
            {
            }

            // Taken in order, so those after the last that is awaited here are few; disposing waits for them.
            crew.Await(pieces - 1);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private CellPieces Plan(AdapterWeights adapter) => new CellPlans(_program.Slices, _program.Shape.PageBytes).Of(adapter);

    private int Next() => _turn = (_turn + 1) % _adapters.Length;
}
