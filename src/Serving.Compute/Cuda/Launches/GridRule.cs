using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>What a kernel's blocks are counted by.</summary>
internal enum GridUnit
{
    /// <summary>Nothing: always the same number.</summary>
    Fixed,

    /// <summary>Token rows.</summary>
    Rows,

    /// <summary>Outputs.</summary>
    Outputs,

    /// <summary>Sequences.</summary>
    Sequences,

    /// <summary>Units of attention.</summary>
    AttentionItems,

    /// <summary>Rows, where some row's attention was given out split by split; none otherwise.</summary>
    PartialRows,

    /// <summary>Rows, where some row has an adapter; none otherwise.</summary>
    AdapterRows,

    /// <summary>Always the same number where there are page copies; none otherwise.</summary>
    IfCopies,
}

/// <summary>How many blocks a kernel is launched with; any number gives the same bits, as kernels stride over their work.</summary>
/// <param name="Unit">What is counted.</param>
/// <param name="Factor">Blocks per unit.</param>
/// <param name="Y">Blocks of the second dimension.</param>
internal readonly record struct GridRule(GridUnit Unit, int Factor = 1, int Y = 1)
{
    /// <summary>The grid of a step; X is 0 where there is nothing to launch.</summary>
    public CudaGrid For(in StepSize size)
    {
        var units = Unit switch
        {
            GridUnit.Rows => size.Rows,
            GridUnit.Outputs => size.Outputs,
            GridUnit.Sequences => size.Sequences,
            GridUnit.AttentionItems => size.AttentionItems,
            GridUnit.PartialRows => size.HasPartials ? size.Rows : 0,
            GridUnit.AdapterRows => size.HasAdapters ? size.Rows : 0,
            GridUnit.IfCopies => size.Copies > 0 ? 1 : 0,
            _ => 1,
        };
        return new CudaGrid(units * Factor, Y);
    }
}
