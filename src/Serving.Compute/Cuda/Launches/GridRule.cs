using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>What a kernel's blocks are counted by.</summary>
internal enum GridUnit
{
    /// <summary>Token rows.</summary>
    Rows,

    /// <summary>Outputs.</summary>
    Outputs,

    /// <summary>Sequences.</summary>
    Sequences,

    /// <summary>Units of attention.</summary>
    AttentionItems,

    /// <summary>Units of attention with few rows.</summary>
    DecodeItems,

    /// <summary>Units of attention with many rows.</summary>
    PrefillItems,

    /// <summary>Tiles of rows.</summary>
    Tiles,

    /// <summary>Rows, where some row's attention was given out in pieces; none otherwise.</summary>
    PartialRows,

    /// <summary>Rows, where some row has an adapter; none otherwise.</summary>
    AdapterRows,

    /// <summary>Tiles of rows, where some row has an adapter; none otherwise.</summary>
    AdapterTiles,

    /// <summary>Once, where some row has an adapter; not at all otherwise.</summary>
    IfAdapters,

    /// <summary>Rows, where some row's adapter has factors; none otherwise.</summary>
    FactorRows,

    /// <summary>Once, where there are rows: as ever.</summary>
    IfRows,

    /// <summary>Once, where there are outputs; not at all otherwise.</summary>
    IfOutputs,

    /// <summary>Once, where there are page copies; not at all otherwise.</summary>
    IfCopies,
}

/// <summary>How many blocks a kernel is launched with; any number gives the same bits, as kernels stride over their work.</summary>
/// <param name="Unit">What is counted.</param>
/// <param name="Factor">Blocks per unit.</param>
/// <param name="Y">Blocks of the second dimension.</param>
/// <param name="Most">Blocks of the first dimension at most: what is resident at once, where more would only queue.</param>
/// <param name="UnitsPerBlock">Units that a block takes together.</param>
internal readonly record struct GridRule(GridUnit Unit, int Factor = 1, int Y = 1, int Most = int.MaxValue, int UnitsPerBlock = 1)
{
    /// <summary>The grid of a step; X is 0 where there is nothing to launch.</summary>
    public CudaGrid For(in StepSize size)
    {
        var units = Unit switch
        {
            GridUnit.Rows => size.Rows,
            GridUnit.Outputs => size.Outputs,
            GridUnit.Sequences => size.Sequences,
            GridUnit.AttentionItems => size.DecodeItems + size.PrefillItems,
            GridUnit.DecodeItems => size.DecodeItems,
            GridUnit.PrefillItems => size.PrefillItems,
            GridUnit.Tiles => size.Tiles,
            GridUnit.PartialRows => size.HasPartials ? size.Rows : 0,
            GridUnit.AdapterRows => size.HasAdapters ? size.Rows : 0,
            GridUnit.AdapterTiles => size.HasAdapters ? size.Tiles : 0,
            GridUnit.IfAdapters => size.HasAdapters ? 1 : 0,
            GridUnit.FactorRows => size.HasFactors ? size.Rows : 0,
            GridUnit.IfRows => size.Rows > 0 ? 1 : 0,
            GridUnit.IfOutputs => size.Outputs > 0 ? 1 : 0,
            _ => size.Copies > 0 ? 1 : 0,
        };
        return new CudaGrid((int)Math.Min(((long)units + UnitsPerBlock - 1) / UnitsPerBlock * Factor, Most), Y);
    }
}
