using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>A run of cells and what it is cut from.</summary>
/// <param name="Run">Where the cells go.</param>
/// <param name="Slice">Which of the adapter's slices has the matrix.</param>
/// <param name="Width">Input width of A, output width of B and of factors.</param>
internal readonly record struct CellCut(CellRun Run, int Slice, int Width)
{
    /// <summary>All runs of a layout, in the order of its pages, which is the order of its layers.</summary>
    public static IEnumerable<CellCut> All(IReadOnlyList<LoraSlice> slices, AdapterLayout layout)
    {
        for (var i = 0; i < layout.Slices.Count; i++)
        {
            var slice = slices[layout.Slices[i].Slice];
            foreach (var run in layout.Slices[i].Runs)
            {
                yield return new CellCut(run, i, run.Matrix == CellMatrix.Shrink ? slice.InputWidth : slice.OutputWidth);
            }
        }
    }

    /// <summary>Fills the run's cells of a page.</summary>
    public void Pack(AdapterWeights adapter, Span<ushort> page) => CellOrder.Fill(Run, adapter.Slices[Slice], Width, page[(Run.FirstCell * CellOrder.CellElements)..]);
}
