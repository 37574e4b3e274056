using Serving.Compute.Cuda.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A matrix of random integers, the whole range of the format among them, with scales of either sign and none, and offsets where the format has some, none among them.</summary>
internal sealed class IntegerOperand
{
    private readonly sbyte[] _values;
    private readonly ushort[] _scales;
    private readonly ushort[] _offsets;

    public IntegerOperand(WeightFormat format, int rows, int columns, int seed)
    {
        (Format, Rows, Columns) = (format, rows, columns);
        var (random, most) = (new Random(seed), format is WeightFormat.Int8 or WeightFormat.Iq4 ? 128 : 8);
        _values = [.. Enumerable.Range(0, rows * Padded).Select(i => i % Padded < columns ? Next() : (sbyte)0)];
        _scales = [.. Enumerable.Range(0, rows * Groups).Select(i => i % 13 == 5 ? (ushort)0 : BFloat16Bits.FromSingle((float)((random.NextDouble() * 2) - 1) / most))];
        _offsets = BlockQuantizer.HasOffsets(format) ? [.. Enumerable.Range(0, rows * Groups).Select(i => i % 11 == 4 ? (ushort)0 : BFloat16Bits.FromSingle((float)((random.NextDouble() * 2) - 1)))] : [];

        sbyte Next() => format switch
        {
            WeightFormat.Iq4 => BlockQuantizer.Iq4Numbers[random.Next(16)],
            WeightFormat.Mxfp4 => BlockQuantizer.Mxfp4Numbers[random.Next(16)],
            _ => (sbyte)random.Next(-most, most),
        };
    }

    public WeightFormat Format { get; }

    public int Rows { get; }

    public int Columns { get; }

    private int Padded => BlockQuantizer.PaddedColumns(Columns);

    private int Groups => BlockQuantizer.GroupCount(Columns);

    /// <summary>As the device has it: a matrix, or as many of them as there are experts.</summary>
    public byte[] Strips(int experts = 1)
    {
        var spec = new WeightSpec(0, string.Empty, Rows, Columns, WeightKind.Matrix, []) { Format = Format, Experts = experts };
        var strips = new byte[IntegerStrips.BytesOf(spec)];
        for (var row = 0; row < Rows; row++)
        {
            var (strip, within) = IntegerStrips.PlaceOf(spec, row);
            for (var block = 0; block < IntegerStrips.BlocksOf(Columns); block++)
            {
                var at = (strip * IntegerStrips.StripBytes(Format, Columns)) + (block * IntegerStrips.BlockBytes(Format));
                IntegerStrips.Put(
                    Format,
                    strips.AsSpan(at, IntegerStrips.BlockBytes(Format)),
                    within,
                    _values.AsSpan((row * Padded) + (block * 64), 64),
                    _scales.AsSpan((row * Groups) + (block * 2), 2),
                    _offsets.Length == 0 ? [] : _offsets.AsSpan((row * Groups) + (block * 2), 2));
            }
        }

        return strips;
    }

    /// <summary>What an element stands for.</summary>
    public ushort At(int row, int column)
    {
        var group = (row * Groups) + (column / 32);
        return Of(_values[(row * Padded) + column], _scales[group], _offsets.Length == 0 ? null : _offsets[group]);
    }

    /// <summary>scale × integer + offset, rounded once: the product is exact in fp32, and a sum with an offset is rounded to an odd float on its way, which no second rounding mistakes for a middle.</summary>
    public static ushort Of(int integer, ushort scale, ushort? offset)
    {
        var product = BFloat16Bits.ToSingle(scale) * integer;
        if (offset is not { } bits)
        {
            return BFloat16Bits.FromSingle(product);
        }

        var exact = (double)product + BFloat16Bits.ToSingle(bits);
        var near = (float)exact;
        var toZero = Math.Abs((double)near) > Math.Abs(exact) ? BitConverter.SingleToUInt32Bits(near) - 1 : BitConverter.SingleToUInt32Bits(near);
        return BFloat16Bits.FromSingle(near == exact ? near : BitConverter.UInt32BitsToSingle(toZero | 1));
    }

    /// <summary>The matrix in bf16, padded with what is not a number.</summary>
    public ushort[] Decoded() => [.. Enumerable.Range(0, Rows * Values.Stride(Columns)).Select(i => i % Values.Stride(Columns) < Columns ? At(i / Values.Stride(Columns), i % Values.Stride(Columns)) : (ushort)0x7fff)];
}
