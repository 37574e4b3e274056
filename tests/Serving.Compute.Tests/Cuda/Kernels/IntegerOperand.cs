using Serving.Compute.Cuda.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A matrix of random integers, the whole range of the format among them, with scales of either sign and none.</summary>
internal sealed class IntegerOperand
{
    private readonly sbyte[] _values;
    private readonly ushort[] _scales;

    public IntegerOperand(WeightFormat format, int rows, int columns, int seed)
    {
        (Format, Rows, Columns) = (format, rows, columns);
        var (random, most) = (new Random(seed), format == WeightFormat.Int8 ? 128 : 8);
        _values = [.. Enumerable.Range(0, rows * Padded).Select(i => i % Padded < columns ? (sbyte)random.Next(-most, most) : (sbyte)0)];
        _scales = [.. Enumerable.Range(0, rows * Groups).Select(i => i % 13 == 5 ? (ushort)0 : BFloat16Bits.FromSingle((float)((random.NextDouble() * 2) - 1) / most))];
    }

    public WeightFormat Format { get; }

    public int Rows { get; }

    public int Columns { get; }

    private int Padded => BlockQuantizer.PaddedColumns(Columns);

    private int Groups => BlockQuantizer.GroupCount(Columns);

    /// <summary>As the device has it.</summary>
    public byte[] Strips()
    {
        var strips = new byte[IntegerStrips.StripsOf(Rows) * IntegerStrips.StripBytes(Format, Columns)];
        for (var row = 0; row < Rows; row++)
        {
            for (var block = 0; block < IntegerStrips.BlocksOf(Columns); block++)
            {
                var at = (row / IntegerStrips.Rows * IntegerStrips.StripBytes(Format, Columns)) + (block * IntegerStrips.BlockBytes(Format));
                IntegerStrips.Put(Format, strips.AsSpan(at, IntegerStrips.BlockBytes(Format)), row % IntegerStrips.Rows, _values.AsSpan((row * Padded) + (block * 64), 64), _scales.AsSpan((row * Groups) + (block * 2), 2));
            }
        }

        return strips;
    }

    /// <summary>What an element stands for.</summary>
    public ushort At(int row, int column) => BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(_scales[(row * Groups) + (column / 32)]) * _values[(row * Padded) + column]);

    /// <summary>The matrix in bf16, padded with what is not a number.</summary>
    public ushort[] Decoded() => [.. Enumerable.Range(0, Rows * Values.Stride(Columns)).Select(i => i % Values.Stride(Columns) < Columns ? At(i / Values.Stride(Columns), i % Values.Stride(Columns)) : (ushort)0x7fff)];
}
