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

    /// <summary>
    /// Codes of FP4 E2M1, one bf16 scale for 32 inputs of an output: 4.5 bits an element. What a code stands for is taken twice, so that it is a whole number (0, 1, 2, 3, 4, 6, 8, 12 and their
    /// negatives), and scales are half of MXFP4's: the arithmetic is that of <see cref="Int8"/> holding these numbers, bit for bit. OCP, "Microscaling Formats (MX) Specification" 1.0.
    /// </summary>
    Mxfp4,

    /// <summary>
    /// Codes of ggml's IQ4_NL, one bf16 scale for 32 inputs of an output: 4.5 bits an element. Codes stand for sixteen integers from −127 to 113, closer together around zero, which is none of them
    /// (<see cref="Quantization.BlockQuantizer.Iq4Numbers"/>): the arithmetic is that of <see cref="Int8"/> holding these numbers, bit for bit.
    /// </summary>
    Iq4,

    /// <summary>
    /// Four-bit integers −8 … 7 with a bf16 scale and a bf16 offset for 32 inputs of an output, w = scale × integer + offset: 5 bits an element. What ggml's Q4_K and Q4_1 and integers with zero points
    /// fit without being rounded to other integers.
    /// </summary>
    Int4Asymmetric,

    /// <summary>fp32, of vectors that a recurrence reads (<see cref="ConvolutionOp"/>, <see cref="DeltaRuleOp"/>): what is off in a rate of decay is taken to the power of every token.</summary>
    Float32,
}
