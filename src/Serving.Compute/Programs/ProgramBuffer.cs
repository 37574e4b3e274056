namespace Serving.Compute.Programs;

/// <summary>How many rows of a buffer a step uses.</summary>
public enum BufferRows
{
    /// <summary>One row per token of the step.</summary>
    Step,

    /// <summary>One row per output (sampled or scored position) of the step.</summary>
    Output,

    /// <summary>One row per token of the step and expert that it chose (<see cref="RouteOp"/>), sorted by expert, then by token.</summary>
    Choice,
}

/// <summary>The element type of a buffer.</summary>
public enum BufferElement
{
    /// <summary>32-bit float: the residual stream, unrounded projections, logits.</summary>
    Float32,

    /// <summary>bfloat16, rounded to nearest even from a float: everything a product reads.</summary>
    BFloat16,
}

/// <summary>A named activation buffer, row-major [rows, <paramref name="Columns"/>].</summary>
public sealed record ProgramBuffer(string Name, int Columns, BufferElement Element, BufferRows Rows);
