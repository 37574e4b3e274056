namespace Serving.Engine.Loading.Quantized;

/// <summary>How GPTQ and AWQ, which both keep a matrix input by input, pack codes into 32-bit words.</summary>
/// <param name="Bits">Bits of a code.</param>
/// <param name="PacksInputs">Whether a word of <c>qweight</c> holds codes of inputs behind each other (GPTQ), or of outputs (AWQ). Words of <c>qzeros</c> hold outputs' always.</param>
/// <param name="ZeroOffset">Added to every stored zero point.</param>
/// <param name="Places">By output within a word, which place of the word its code has, the lowest bits being place 0.</param>
internal sealed record TransposedLayout(int Bits, bool PacksInputs, int ZeroOffset, IReadOnlyList<int> Places)
{
    /// <summary>Codes of a word.</summary>
    public int PerWord => 32 / Bits;

    /// <summary>The code of an output in a word.</summary>
    public int Code(int word, int output) => (word >> ShiftOf(output)) & ((1 << Bits) - 1);

    /// <summary>Bits of a word below an output's code.</summary>
    public int ShiftOf(int output) => Places[output % PerWord] * Bits;
}
