using System.Runtime.CompilerServices;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A case's adapters packed into pages on the device, in scattered order, and its rows planned.</summary>
internal sealed class LoraFixture
{
    /// <summary>Ranks from slice to slice of a row's partial sums.</summary>
    public const int RankStride = 128;

    private readonly KernelSession _session;
    private readonly LoraCase _case;
    private readonly AdapterWeights[] _adapters;

    /// <summary>A case's adapters, drawn once for all tests that have it.</summary>
    private static readonly ConditionalWeakTable<LoraCase, AdapterWeights[]> Drawn = new();

    /// <summary>Packs and uploads; with <paramref name="tileRows"/> tiles are cut that small.</summary>
    public LoraFixture(KernelSession session, LoraCase test, int tileRows = RowTile.MaxRows)
    {
        (_session, _case, _adapters) = (session, test, Drawn.GetValue(test, Draw));
        Lora = Pack();
        var inputs = new StepInputs();
        foreach (var (slot, rows) in test.Segments)
        {
            inputs.AddSegment(inputs.RowCount, rows, slot);
            for (var i = 0; i < rows; i++)
            {
                inputs.AddRow(0, 0, 0, 0);
            }
        }

        Tiles = new RowTiles(new StepLimits(Math.Max(1, test.RowCount), 1, 1, 1));
        Tiles.Build(inputs);
        TileList = Cut(Tiles, tileRows);
    }

    /// <summary>The Linear's LoRA.</summary>
    public LoraParameters Lora { get; }

    /// <summary>The rows.</summary>
    public RowTiles Tiles { get; }

    /// <summary>The tiles, cut as asked for.</summary>
    public RowTile[] TileList { get; }

    /// <summary>Partial planes.</summary>
    public int Planes => (_case.InputWidth + LoraParameters.ShrinkChunk - 1) / LoraParameters.ShrinkChunk;

    /// <summary>Floats of all planes.</summary>
    public int PartialCount => Planes * (int)Lora.PlaneStride;

    /// <summary>Where a partial sum lies.</summary>
    public int PartialAt(int plane, int row, int slice, int rank) => (((((plane * _case.RowCount) + row) * _case.Slices.Length) + slice) * RankStride) + rank;

    /// <summary>An adapter's slice, or null where it has none.</summary>
    public AdapterSlice? Find(int slot, int slice) => slot < 0 ? null : _adapters[slot].Slices.FirstOrDefault(candidate => candidate.Slice == slice);

    /// <summary>The shrink's work list.</summary>
    public ShrinkItem[] ShrinkItems()
    {
        var plan = new ShrinkPlan([new ShrinkSite(0, _case.Slices.Length, _case.InputWidth)]);
        var blocks = _case.Ranks.SelectMany(ranks => ranks.Select(rank => (byte)((rank + 7) / 8))).ToArray();
        plan.Build(TileList, blocks, _case.Slices.Length);
        return plan.Items.ToArray();
    }

    private static RowTile[] Cut(RowTiles rows, int tileRows)
    {
        var tiles = new List<RowTile>();
        foreach (var tile in rows.Tiles)
        {
            for (var row = 0; row < tile.RowCount; row += tileRows)
            {
                tiles.Add(tile with { FirstRow = tile.FirstRow + row, RowCount = Math.Min(tileRows, tile.RowCount - row) });
            }
        }

        return [.. tiles];
    }

    private static AdapterWeights[] Draw(LoraCase test)
    {
        var random = new Random(test.Columns);
        return [.. test.Ranks.Select(ranks => new AdapterWeights([.. ranks.Select((rank, slice) => (rank, slice)).Where(pair => pair.rank > 0).Select(pair => new AdapterSlice(
            pair.slice,
            pair.rank,
            0.25f + (0.125f * pair.slice),
            TestProgram.Normal(random, pair.rank * test.InputWidth, 1 / Math.Sqrt(test.InputWidth)),
            TestProgram.Normal(random, test.Slices[pair.slice].Width * pair.rank, 1)))]))];
    }

    private LoraParameters Pack()
    {
        var slices = _case.Slices.Select((slice, i) => new LoraSlice(i, 0, Projection.Query, _case.InputWidth, slice.Offset, slice.Width)).ToArray();
        var pages = new List<ushort[]>();
        var runs = new List<int>();
        var bindings = new List<LoraBinding>();
        var cellsPerPage = _case.PageBytes / AdapterLayout.CellBytes;
        foreach (var adapter in _adapters)
        {
            bindings.AddRange(Bind(adapter, slices, pages, runs, cellsPerPage));
        }

        // Page i of the list is page n - 1 - i of the arena, so that nothing works by luck of neighbours.
        for (var i = 0; i < runs.Count; i++)
        {
            runs[i] = ((pages.Count - 1 - (runs[i] / cellsPerPage)) * cellsPerPage) + (runs[i] % cellsPerPage);
        }

        pages.Reverse();
        var parameters = new LoraParameters
        {
            Pages = _session.Upload<ushort>([.. pages.SelectMany(page => page)]),
            Bindings = _session.Upload<LoraBinding>([.. bindings]),
            Runs = _session.Upload<int>([.. runs]),
            PlaneStride = (ulong)(_case.RowCount * _case.Slices.Length * RankStride),
            RowStride = _case.Slices.Length * RankStride,
            RankStride = RankStride,
            InputWidth = _case.InputWidth,
            CellsPerPage = cellsPerPage,
            ModelSlices = _case.Slices.Length,
            SliceCount = _case.Slices.Length,
        };
        for (var i = 0; i < slices.Length; i++)
        {
            (parameters.OutputOffset[i], parameters.OutputWidth[i]) = (slices[i].OutputOffset, slices[i].OutputWidth);
        }

        return parameters;
    }

    private static LoraBinding[] Bind(AdapterWeights adapter, LoraSlice[] slices, List<ushort[]> pages, List<int> runs, int cellsPerPage)
    {
        var layout = AdapterLayout.Create(slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), (long)cellsPerPage * AdapterLayout.CellBytes);
        var firstPage = pages.Count;
        pages.AddRange(Enumerable.Range(0, layout.PageCount).Select(_ => new ushort[cellsPerPage * CellOrder.CellElements]));
        var bindings = new LoraBinding[slices.Length];
        for (var i = 0; i < layout.Slices.Count; i++)
        {
            var (slice, weights) = (layout.Slices[i], adapter.Slices[i]);
            bindings[slice.Slice] = new LoraBinding
            {
                FirstShrinkRun = runs.Count,
                FirstExpandRun = runs.Count + slice.Runs.Count(run => run.Matrix == CellMatrix.Shrink),
                RankBlocks = slice.RankBlocks,
                Scale = weights.Scale,
            };
            foreach (var run in slice.Runs)
            {
                var width = run.Matrix == CellMatrix.Shrink ? slices[slice.Slice].InputWidth : slices[slice.Slice].OutputWidth;
                CellOrder.Fill(run, weights, width, pages[firstPage + run.Page].AsSpan(run.FirstCell * CellOrder.CellElements));
                runs.Add(((firstPage + run.Page) * cellsPerPage) + run.FirstCell);
            }
        }

        return bindings;
    }
}
