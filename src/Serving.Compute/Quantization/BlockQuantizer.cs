using System.Runtime.Intrinsics;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Quantization;

/// <summary>
/// Rounds rows of a matrix to integers with one scale for every 32 inputs, w ≈ scale × q, or with an offset beside it, w ≈ scale × q + offset. All backends get their integers from here, so that a model is the same one on all
/// of them; sums are added in one order whatever the width of the machine's vectors.
/// </summary>
public static class BlockQuantizer
{
    /// <summary>Inputs that share a scale.</summary>
    public const int GroupSize = 32;

    /// <summary>Rows are filled up with zeros to a multiple of this many inputs: two groups, whose scales fill a cache line for 16 outputs.</summary>
    public const int BlockSize = 64;

    /// <summary>What the codes of <see cref="WeightFormat.Iq4"/> stand for.</summary>
    public static ReadOnlySpan<sbyte> Iq4Numbers => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>What the codes of <see cref="WeightFormat.Mxfp4"/> stand for: twice E2M1's numbers.</summary>
    public static ReadOnlySpan<sbyte> Mxfp4Numbers => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    private const float LargestInt8 = 127;
    private const float LargestMxfp4 = 12;
    private const float SmallestInt4 = -8;
    private const float LargestInt4 = 7;
    private const int Lanes = 8;

    // Where the largest magnitude of a group of four-bit integers may come to lie: −8 is the last integer, but a little clipping of one weight can be worth finer steps for 31.
    private const float FirstExtreme = 5.5f;
    private const float ExtremeStep = 0.25f;
    private const int Extremes = 15;

    /// <summary>Inputs of a row once filled up.</summary>
    public static int PaddedColumns(int columns) => (columns + BlockSize - 1) / BlockSize * BlockSize;

    /// <summary>Groups of a row.</summary>
    public static int GroupCount(int columns) => PaddedColumns(columns) / GroupSize;

    /// <summary>Whether a format's groups have offsets.</summary>
    public static bool HasOffsets(WeightFormat format) => format == WeightFormat.Int4Asymmetric;

    /// <summary>Numbers in bf16 beside the integers of a row: the scales of all groups, and behind them the offsets where there are some.</summary>
    public static int ScaleCount(WeightFormat format, int columns) => GroupCount(columns) * (HasOffsets(format) ? 2 : 1);

    /// <summary>The code of <see cref="WeightFormat.Iq4"/> whose number is the nearest, of two as near ones the lower.</summary>
    internal static int Iq4CodeOf(float number)
    {
        var code = 0;
        while (code < Iq4Numbers.Length - 1 && 2 * number > Iq4Numbers[code] + Iq4Numbers[code + 1])
        {
            code++;
        }

        return code;
    }

    /// <summary>Rounds one row.</summary>
    /// <param name="format">A format of integers.</param>
    /// <param name="row">bf16, [columns].</param>
    /// <param name="values">Receives the integers, [<see cref="PaddedColumns"/>].</param>
    /// <param name="scales">Receives the scales in bf16, and the offsets, [<see cref="ScaleCount"/>].</param>
    public static void Quantize(WeightFormat format, ReadOnlySpan<ushort> row, Span<sbyte> values, Span<ushort> scales)
    {
        Span<float> group = stackalloc float[GroupSize];
        var groups = GroupCount(row.Length);
        for (var i = 0; i < groups; i++)
        {
            var first = i * GroupSize;
            var count = Math.Clamp(row.Length - first, 0, GroupSize);
            for (var k = 0; k < GroupSize; k++)
            {
                group[k] = k < count ? BFloat16Bits.ToSingle(row[first + k]) : 0;
            }

            var target = values.Slice(first, GroupSize);
            scales[i] = format switch
            {
                WeightFormat.Int8 => ToInt8(group, target),
                WeightFormat.Int4 => ToInt4(group, target),
                WeightFormat.Int4Asymmetric => ToInt4Asymmetric(group[..Math.Max(1, count)], target, out scales[groups + i]),
                WeightFormat.Mxfp4 => ToMxfp4(group, target),
                _ => ToIq4(group, target),
            };
        }
    }

    /// <summary>q = w ÷ scale to nearest even. The scale is the largest magnitude ÷ 127, rounded up to bf16, so that nothing is clipped.</summary>
    private static ushort ToInt8(ReadOnlySpan<float> group, Span<sbyte> values)
    {
        var largest = MathF.Abs(Extreme(group));
        var scale = (ushort)((BitConverter.SingleToUInt32Bits(largest / LargestInt8) + 0xFFFF) >> 16);
        var divisor = BFloat16Bits.ToSingle(scale);
        if (!float.IsNormal(divisor))
        {
            values.Clear();
            return 0;
        }

        for (var k = 0; k < values.Length; k++)
        {
            values[k] = (sbyte)MathF.Round(group[k] / divisor, MidpointRounding.ToEven);
        }

        return scale;
    }

    /// <summary>
    /// As the MX specification converts: the scale is the power of two of the largest magnitude less that of E2M1's largest number, which is 4; elements go to the nearest number, of two as near ones to
    /// that of the even code, and what is beyond the largest becomes it. Numbers are twice E2M1's here, the scale is half.
    /// </summary>
    private static ushort ToMxfp4(ReadOnlySpan<float> group, Span<sbyte> values)
    {
        var largest = MathF.Abs(Extreme(group));
        var scale = float.IsNormal(largest) ? MathF.ScaleB(1, MathF.ILogB(largest) - 3) : 0;
        if (!float.IsNormal(scale))
        {
            values.Clear();
            return 0;
        }

        for (var k = 0; k < values.Length; k++)
        {
            var magnitude = MathF.Abs(group[k]) / scale;
            var step = magnitude <= 4 ? 1 : magnitude <= 8 ? 2 : 4;
            var number = MathF.Min(LargestMxfp4, step * MathF.Round(magnitude / step, MidpointRounding.ToEven));
            values[k] = (sbyte)MathF.CopySign(number, group[k]);
        }

        return BFloat16Bits.FromSingle(scale);
    }

    /// <summary>The largest magnitude is the first number, and elements go to the nearest, of two as near ones to the lower. Checkpoints have better scales than this rule finds.</summary>
    private static ushort ToIq4(ReadOnlySpan<float> group, Span<sbyte> values)
    {
        var scale = BFloat16Bits.FromSingle(Extreme(group) / Iq4Numbers[0]);
        var divisor = BFloat16Bits.ToSingle(scale);
        if (!float.IsNormal(divisor))
        {
            values.Clear();
            return 0;
        }

        for (var k = 0; k < values.Length; k++)
        {
            values[k] = Iq4Numbers[Iq4CodeOf(group[k] / divisor)];
        }

        return scale;
    }

    /// <summary>
    /// Tries several places for the largest magnitude, always on the side of −8, takes for each the scale of least squares, and keeps what leaves the smallest sum of squared
    /// errors: Σ (w − s q)² = Σ w² − s (2 Σ w q − s Σ q²), of which only the last part differs.
    /// </summary>
    private static ushort ToInt4(ReadOnlySpan<float> group, Span<sbyte> values)
    {
        values.Clear();
        var extreme = Extreme(group);
        if (!float.IsNormal(extreme) || !float.IsNormal(extreme / 16))
        {
            return 0;
        }

        // Scaled to one, so that no square is lost or too large.
        var unit = Vector256.Create(extreme);
        var (a, b, c, d) = (At(group, 0) / unit, At(group, 1) / unit, At(group, 2) / unit, At(group, 3) / unit);
        var (best, kept, factor) = (float.NegativeInfinity, (ushort)0, 0f);
        for (var i = 0; i < Extremes; i++)
        {
            var place = -(FirstExtreme + (i * ExtremeStep));
            var (e, f, g, h) = (ToNibbles(a, place), ToNibbles(b, place), ToNibbles(c, place), ToNibbles(d, place));
            var products = Sum((a * e) + (b * f) + ((c * g) + (d * h)));
            var squares = Sum((e * e) + (f * f) + ((g * g) + (h * h)));
            var scale = BFloat16Bits.FromSingle(products / squares * extreme);
            var rounded = BFloat16Bits.ToSingle(scale) / extreme;
            var gain = rounded * ((2 * products) - (rounded * squares));
            if (gain > best)
            {
                (best, kept, factor) = (gain, scale, place);
            }
        }

        Store(ToNibbles(a, factor), values);
        Store(ToNibbles(b, factor), values[Lanes..]);
        Store(ToNibbles(c, factor), values[(2 * Lanes)..]);
        Store(ToNibbles(d, factor), values[(3 * Lanes)..]);
        return kept;
    }

    /// <summary>
    /// From the least element to the greatest in fifteen steps, the scale rounded up to bf16 so that they reach. The offset is where 0 lies when the least is −8: elements go to the nearest step from the
    /// offset as it was rounded. Behind the row's end integers are zero.
    /// </summary>
    private static ushort ToInt4Asymmetric(ReadOnlySpan<float> group, Span<sbyte> values, out ushort offset)
    {
        values.Clear();
        var (least, greatest) = (group[0], group[0]);
        foreach (var value in group)
        {
            (least, greatest) = (MathF.Min(least, value), MathF.Max(greatest, value));
        }

        var step = (greatest / (LargestInt4 - SmallestInt4)) - (least / (LargestInt4 - SmallestInt4));
        var scale = (ushort)((BitConverter.SingleToUInt32Bits(step) + 0xFFFF) >> 16);
        var divisor = BFloat16Bits.ToSingle(scale);
        if (!float.IsNormal(divisor))
        {
            // Alike, but for what is too small to divide.
            offset = float.IsNormal(least) ? BFloat16Bits.FromSingle(least) : (ushort)0;
            return 0;
        }

        offset = BFloat16Bits.FromSingle(least - (SmallestInt4 * divisor));
        var middle = BFloat16Bits.ToSingle(offset);
        (offset, middle) = float.IsNormal(middle) ? (offset, middle) : ((ushort)0, 0);
        for (var k = 0; k < group.Length; k++)
        {
            values[k] = (sbyte)Math.Clamp(MathF.Round((group[k] - middle) / divisor, MidpointRounding.ToEven), SmallestInt4, LargestInt4);
        }

        return scale;
    }

    private static Vector256<float> At(ReadOnlySpan<float> group, int vector) => Vector256.Create(group[(vector * Lanes)..]);

    private static Vector256<float> ToNibbles(Vector256<float> w, float place) =>
        Vector256.Min(Vector256.Max(Vector256.Round(w * place, MidpointRounding.ToEven), Vector256.Create(-8f)), Vector256.Create(7f));

    private static void Store(Vector256<float> integers, Span<sbyte> values)
    {
        for (var i = 0; i < Lanes; i++)
        {
            values[i] = (sbyte)integers[i];
        }
    }

    /// <summary>The sum of the lanes in one order: i with i + 4, then + 2, then + 1.</summary>
    private static float Sum(Vector256<float> lanes)
    {
        var four = lanes.GetLower() + lanes.GetUpper();
        return (four[0] + four[2]) + (four[1] + four[3]);
    }

    /// <summary>The element of largest magnitude with its sign, the first among equals.</summary>
    private static float Extreme(ReadOnlySpan<float> group)
    {
        var extreme = 0f;
        foreach (var value in group)
        {
            extreme = MathF.Abs(value) > MathF.Abs(extreme) ? value : extreme;
        }

        return extreme;
    }
}
