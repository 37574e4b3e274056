using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Tests.Reference;

/// <summary>Matrices of integers and inputs rounded for them, as the numbers that they stand for.</summary>
public static class ReferenceIntegers
{
    /// <summary>scale × integer of every element of a matrix, and its offset, row by row.</summary>
    public static double[] Dequantize(WeightSpec weight, ushort[] elements)
    {
        var result = new double[elements.Length];
        var values = new sbyte[BlockQuantizer.PaddedColumns(weight.Columns)];
        var scales = new ushort[BlockQuantizer.ScaleCount(weight.Format, weight.Columns)];
        var groups = BlockQuantizer.GroupCount(weight.Columns);
        for (var row = 0; row < weight.Rows; row++)
        {
            BlockQuantizer.Quantize(weight.Format, elements.AsSpan(row * weight.Columns, weight.Columns), values, scales);
            for (var k = 0; k < weight.Columns; k++)
            {
                var offset = scales.Length > groups ? BFloat16Bits.ToSingle(scales[groups + (k / 32)]) : 0;
                result[(row * weight.Columns) + k] = (BFloat16Bits.ToSingle(scales[k / 32]) * (double)values[k]) + offset;
            }
        }

        return result;
    }

    /// <summary>A row of inputs after rounding: of every 32 the largest magnitude is 127 steps.</summary>
    public static double[] Round(double[] x) => [.. x.Chunk(32).SelectMany(RoundRow)];

    /// <summary>A key or a value after rounding: its largest magnitude is 127 steps.</summary>
    public static double[] RoundRow(double[] x)
    {
        var largest = (float)x.Max(Math.Abs);
        return [.. x.Select(value => largest == 0 ? 0 : Math.Round((float)value * (127 / largest), MidpointRounding.ToEven) * (largest / 127))];
    }
}
