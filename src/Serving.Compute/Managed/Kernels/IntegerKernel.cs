using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Quantization;

namespace Serving.Compute.Managed.Kernels;

/// <summary>
/// Products with matrices of integers. Of every 32 inputs the integers' dot product is exact, whatever order it is added in; groups form one chain from zero, ascending:
/// sum = fma(dot, weight scale × input scale, sum), and where groups have offsets sum = fma(input sum, offset, sum) next. The product of the scales is rounded once, as is an input sum, the scale times
/// what the integers add up to. So every backend and instruction set has the same bits.
/// </summary>
internal static unsafe class IntegerKernel
{
    /// <summary>Inputs whose largest magnitude is below this count as zero: the factor that spreads them over 127 steps would not be finite.</summary>
    private const float Smallest = 1e-30f;

    private const float Largest = 127;
    private const int Group = BlockQuantizer.GroupSize;

    /// <summary>Rounds a row's inputs: scale = largest magnitude ÷ 127, integer = input × (127 ÷ largest magnitude) to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantize(float* x, int columns, sbyte* values, float* scales, float* sums)
    {
        for (var first = 0; first < BlockQuantizer.PaddedColumns(columns); first += Group)
        {
            var count = Math.Clamp(columns - first, 0, Group);
            var largest = 0f;
            for (var k = 0; k < count; k++)
            {
                largest = MathF.Max(largest, MathF.Abs(x[first + k]));
            }

            var factor = largest > Smallest ? Largest / largest : 0;
            var sum = 0;
            for (var k = 0; k < Group; k++)
            {
                values[first + k] = k < count ? (sbyte)MathF.Round(x[first + k] * factor, MidpointRounding.ToEven) : (sbyte)0;
                sum += values[first + k];
            }

            scales[first / Group] = largest / Largest;
            sums[first / Group] = scales[first / Group] * sum;
        }
    }

    /// <summary>Rows times some outputs into a tile of <paramref name="tileStride"/> floats a row; outputs past the matrix's end are zero.</summary>
    /// <param name="x">The inputs.</param>
    /// <param name="rounded">The same, rounded; null multiplies them as they are.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="weight">The matrix.</param>
    /// <param name="firstOutput">The first output.</param>
    /// <param name="outputs">Outputs; those of the last panel go on to its end.</param>
    /// <param name="tile">Receives the products.</param>
    /// <param name="tileStride">Floats of a row of it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(ActivationBuffer x, IntegerRows? rounded, int firstRow, int rows, IntegerMatrix weight, int firstOutput, int outputs, float* tile, int tileStride)
    {
        for (var o = 0; o < outputs; o++)
        {
            var values = weight.Values(firstOutput + o);
            var scales = weight.Scales(firstOutput + o);
            var offsets = weight.Offsets(firstOutput + o);
            for (var row = 0; row < rows; row++)
            {
                tile[(row * tileStride) + o] = rounded is null
                    ? DotExact(values, scales, offsets, x.Row(firstRow + row), x.Columns)
                    : Dot(values, scales, offsets, rounded, firstRow + row, weight.Groups);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(sbyte* w, float* weightScales, float* offsets, IntegerRows inputs, int row, int groups)
    {
        var x = inputs.Values(row);
        var inputScales = inputs.Scales(row);
        var inputSums = inputs.Sums(row);
        var sum = 0f;
        for (var g = 0; g < groups; g++, w += Group, x += Group)
        {
            var (lowW, highW) = Vector256.Widen(Vector256.Load(w));
            var (lowX, highX) = Vector256.Widen(Vector256.Load(x));

            // Two products of at most 128 × 127 fit 16 bits.
            var (first, second) = Vector256.Widen((lowW * lowX) + (highW * highX));
            sum = MathF.FusedMultiplyAdd(Vector256.Sum(first + second), weightScales[g] * inputScales[g], sum);
            sum = offsets is null ? sum : MathF.FusedMultiplyAdd(inputSums[g], offsets[g], sum);
        }

        return sum;
    }

    /// <summary>One chain of fused multiply-adds over the inputs, ascending.</summary>
    private static float DotExact(sbyte* w, float* weightScales, float* offsets, float* x, int columns)
    {
        var sum = 0f;
        for (var k = 0; k < columns; k++)
        {
            var product = weightScales[k / Group] * w[k];
            sum = MathF.FusedMultiplyAdd(x[k], offsets is null ? product : product + offsets[k / Group], sum);
        }

        return sum;
    }
}
