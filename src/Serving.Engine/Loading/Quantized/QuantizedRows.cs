using System.Runtime.InteropServices;
using Serving.Compute.Numerics;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>Turns one of the rows that were read into fp32. Called from several threads, for a row each; does not throw.</summary>
/// <param name="row">The row, counted from the first that was read.</param>
/// <param name="destination">Filled.</param>
internal delegate void RowDecoder(int row, Span<float> destination);

/// <summary>A quantized matrix: its rows are read, turned into fp32 as the scheme defines them, several at once, and rounded to bf16 like those of an fp32 file.</summary>
/// <param name="name">For messages.</param>
/// <param name="columns">Inputs.</param>
internal abstract class QuantizedRows(string name, int columns) : RowSource
{
    private const ushort ExponentBits = 0x7F80;

    /// <inheritdoc/>
    public sealed override bool IsQuantized => true;

    /// <inheritdoc/>
    public sealed override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var rows = values.Length / columns;
        var singles = scratch.Singles(values.Length);
        var decode = Open(firstRow, rows, scratch);
        Parallel.For(0, rows, row => decode(row, singles.Span.Slice(row * columns, columns)));
        if (!TensorConversion.TryToBFloat16(TensorType.F32, MemoryMarshal.AsBytes<float>(singles.Span), values))
        {
            throw new MalformedFileException($"the quantized weight of {MalformedFileException.Quote(name)} holds a value that is not finite");
        }
    }

    /// <summary>A scale or an offset in bf16. Kernels take numbers below the normal ones for zero or not, each as it does: to all of them they are zero.</summary>
    protected static ushort ToScale(float value) => BFloat16Bits.FromSingle(value) is var bits && (bits & ExponentBits) == 0 ? (ushort)0 : bits;

    /// <summary>Checks the scales and offsets that were read.</summary>
    /// <exception cref="MalformedFileException">One is not finite.</exception>
    protected void CheckFinite(ReadOnlySpan<ushort> scales)
    {
        if (scales.ContainsAnyInRange(ExponentBits, (ushort)0x7FFF) || scales.ContainsAnyInRange((ushort)0xFF80, ushort.MaxValue))
        {
            throw new MalformedFileException($"the quantized weight of {MalformedFileException.Quote(name)} holds a scale that is not finite");
        }
    }

    /// <summary>Reads what rows are kept as. Nothing of it outlives the decoder's use.</summary>
    protected abstract RowDecoder Open(int firstRow, int rows, LoadScratch scratch);
}
