namespace Serving.Compute.Cuda.Steps;

/// <summary>How much there is to launch: kernels read the true counts from the block, grids and products are sized by these.</summary>
internal readonly record struct StepSize
{
    /// <summary>Token rows.</summary>
    public int Rows { get; init; }

    /// <summary>Outputs.</summary>
    public int Outputs { get; init; }

    /// <summary>Sequences.</summary>
    public int Sequences { get; init; }

    /// <summary>Page copies.</summary>
    public int Copies { get; init; }

    /// <summary>Units of attention with few rows.</summary>
    public int DecodeItems { get; init; }

    /// <summary>Units of attention with many rows.</summary>
    public int PrefillItems { get; init; }

    /// <summary>Tiles of rows.</summary>
    public int Tiles { get; init; }

    /// <summary>Some row's attention is given out in pieces, which leave states to merge.</summary>
    public bool HasPartials { get; init; }

    /// <summary>Some row has an adapter.</summary>
    public bool HasAdapters { get; init; }

    /// <summary>Some row's adapter has factors (DoRA).</summary>
    public bool HasFactors { get; init; }

    /// <summary>Every sequence has one row and every row an output: a step of a batch that decodes.</summary>
    public bool IsDecode => Rows > 0 && Rows == Outputs && Rows == Sequences;
}
