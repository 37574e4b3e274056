using System.Buffers;
using Serving.Compute.Adapters;
using Serving.Compute.Cpu.Interop;

namespace Serving.Compute.Cpu;

/// <summary>Hands one adapter to the library: where its cells lie, and the matrices they are made from.</summary>
internal static unsafe class AdapterPacker
{
    /// <summary>Writes the cells into <paramref name="pages"/> and binds them to <paramref name="slot"/>.</summary>
    public static void Pack(nint engine, int slot, MatrixAdapter prepared, ReadOnlySpan<int> pages)
    {
        var (adapter, layout) = (prepared.Weights, prepared.Layout);
        var pins = new List<MemoryHandle>(adapter.Slices.Count * 3);
        try
        {
            var runs = new List<NativeCellRun>();
            var slices = new NativeAdapterSlice[adapter.Slices.Count];
            for (var i = 0; i < slices.Length; i++)
            {
                slices[i] = Describe(adapter.Slices[i], prepared.Factors[i], runs.Count, layout.Slices[i].Runs.Count, pins);
                runs.AddRange(layout.Slices[i].Runs.Select(Convert));
            }

            var table = runs.ToArray();
            fixed (NativeAdapterSlice* first = slices)
            fixed (NativeCellRun* firstRun = table)
            fixed (int* firstPage = pages)
            {
                NativeMethods.PackAdapter(engine, slot, first, slices.Length, firstRun, table.Length, firstPage, pages.Length).ThrowIfFailed("pack an adapter");
            }
        }
        finally
        {
            foreach (var pin in pins)
            {
                pin.Dispose();
            }
        }
    }

    private static NativeAdapterSlice Describe(AdapterSlice slice, ReadOnlyMemory<float> factors, int firstRun, int runCount, List<MemoryHandle> pins)
    {
        var (a, b, f) = (slice.A.Pin(), slice.B.Pin(), factors.Pin());
        pins.AddRange([a, b, f]);
        return new NativeAdapterSlice
        {
            Slice = slice.Slice,
            Rank = slice.Rank,
            Scale = slice.Scale,
            FirstRun = firstRun,
            RunCount = runCount,
            Expert = slice.Expert,
            A = (ushort*)a.Pointer,
            B = (ushort*)b.Pointer,
            Factors = factors.IsEmpty ? null : (float*)f.Pointer,
        };
    }

    private static NativeCellRun Convert(CellRun run) => new()
    {
        Page = run.Page,
        FirstCell = run.FirstCell,
        Matrix = (int)run.Matrix,
        RankBlock = run.RankBlock,
        FirstTile = run.FirstTile,
        TileCount = run.TileCount,
    };
}
