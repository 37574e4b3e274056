namespace Serving.Compute.Programs;

/// <summary>How the elements of a matrix are kept, and with it how a Linear over it multiplies.</summary>
public enum WeightFormat
{
    /// <summary>bf16, as the checkpoint has them or rounded from it.</summary>
    BFloat16,

    /// <summary>Eight-bit integers −127 … 127, one bf16 scale for 32 inputs of an output: 8.5 bits an element.</summary>
    Int8,

    /// <summary>Four-bit integers −8 … 7, one bf16 scale for 32 inputs of an output: 4.5 bits an element.</summary>
    Int4,
}
