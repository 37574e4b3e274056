using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>A run of cells and what it is cut from.</summary>
/// <param name="Run">Where the cells go.</param>
/// <param name="Weights">The slice's matrices.</param>
/// <param name="Width">Input width of A, output width of B.</param>
internal readonly record struct CellCut(CellRun Run, AdapterSlice Weights, int Width)
{
    /// <summary>All runs of an adapter, in the order of its pages, which is the order of its layers.</summary>
    public static List<CellCut> List(IReadOnlyList<LoraSlice> slices, AdapterWeights adapter, AdapterLayout layout)
    {
        var cuts = new List<CellCut>();
        for (var i = 0; i < adapter.Slices.Count; i++)
        {
            var slice = slices[adapter.Slices[i].Slice];
            foreach (var run in layout.Slices[i].Runs)
            {
                cuts.Add(new CellCut(run, adapter.Slices[i], run.Matrix == CellMatrix.Shrink ? slice.InputWidth : slice.OutputWidth));
            }
        }

        return cuts;
    }

    /// <summary>Fills the run's cells of a page.</summary>
    public void Pack(Span<ushort> page) => CellOrder.Fill(Run, Weights, Width, page[(Run.FirstCell * CellOrder.CellElements)..]);
}
