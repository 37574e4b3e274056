using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Quantization;

/// <summary>What rounding a row to integers promises.</summary>
public sealed class BlockQuantizerTests
{
    /// <summary>No element is further off than half a step, whose size the group's largest sets; scales are rounded up, never down.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(100)]
    [InlineData(576)]
    public void Quantize_Int8_IsOffByHalfAStepAtMost(int columns)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var row = TestProgram.Normal(new Random(seed), columns, Math.Pow(10, seed - 10));
            var (values, scales) = Quantize(WeightFormat.Int8, row);
            for (var k = 0; k < columns; k++)
            {
                var (w, scale) = (BFloat16Bits.ToSingle(row[k]), scales[k / 32]);
                Assert.True(Math.Abs(w - (scale * values[k])) <= scale * 0.5000001, $"element {k}: {w} became {values[k]} x {scale}");
                var largest = row.AsSpan(k / 32 * 32, Math.Min(32, columns - (k / 32 * 32))).ToArray().Max(value => Math.Abs(BFloat16Bits.ToSingle(value)));
                Assert.InRange(scale, largest / 127, largest / 127 * 1.0079f);
            }

            Assert.All(values[columns..], value => Assert.Equal(0, value));
        }
    }

    /// <summary>Of four bits: integers of −8 … 7, and an error that is never larger than that of the plain rule, the largest magnitude at −8.</summary>
    [Fact]
    public void Quantize_Int4_IsNoWorseThanThePlainRule()
    {
        var (ours, plain) = (0.0, 0.0);
        for (var seed = 0; seed < 200; seed++)
        {
            var row = TestProgram.Normal(new Random(seed), 32, 0.02);
            var (values, scales) = Quantize(WeightFormat.Int4, row);
            Assert.All(values, value => Assert.InRange(value, -8, 7));
            var elements = Array.ConvertAll(row, BFloat16Bits.ToSingle);
            var extreme = elements.MaxBy(Math.Abs);
            var step = BFloat16Bits.Round(extreme / -8);
            var error = elements.Select((w, k) => Math.Pow(w - (scales[0] * values[k]), 2)).Sum();
            ours += error;
            plain += elements.Sum(w => Math.Pow(w - (step * Math.Clamp(Math.Round(w / step), -8, 7)), 2));
        }

        Assert.True(ours < 0.9 * plain, $"squared errors: {ours}, of the plain rule {plain}");
    }

    /// <summary>Of MXFP4: scales that are powers of two, and of every element the nearest number that there is, of two as near ones the even code's.</summary>
    [Fact]
    public void Quantize_Mxfp4_TakesTheNearestNumber()
    {
        sbyte[] numbers = [0, 1, 2, 3, 4, 6, 8, 12];
        for (var seed = 0; seed < 50; seed++)
        {
            var row = TestProgram.Normal(new Random(seed), 32, Math.Pow(2, seed - 25));
            for (var k = 0; k < 14; k++)
            {
                row[k] = BFloat16Bits.FromSingle((k % 2 == 0 ? k : -k) + 0.5f);
            }

            var (values, scales) = Quantize(WeightFormat.Mxfp4, row);
            var elements = Array.ConvertAll(row, BFloat16Bits.ToSingle);
            Assert.Equal(MathF.ScaleB(1, MathF.ILogB(elements.Max(Math.Abs)) - 3), scales[0]);
            for (var k = 0; k < 32; k++)
            {
                var x = Math.Abs(elements[k]) / (double)scales[0];
                var code = Enumerable.Range(0, 8).OrderBy(code => Math.Abs(numbers[code] - x)).ThenBy(code => code % 2).First();
                Assert.Equal(elements[k] < 0 ? -numbers[code] : numbers[code], values[k]);
            }
        }
    }

    /// <summary>Of IQ4: the largest magnitude is the first number, every element the nearest one.</summary>
    [Fact]
    public void Quantize_Iq4_TakesTheNearestNumber()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var row = TestProgram.Normal(new Random(seed), 32, Math.Pow(2, seed - 25));
            var (values, scales) = Quantize(WeightFormat.Iq4, row);
            var elements = Array.ConvertAll(row, BFloat16Bits.ToSingle);
            Assert.Equal(BFloat16Bits.Round(elements.MaxBy(Math.Abs) / -127), scales[0]);
            Assert.Equal(elements.Select(w => BlockQuantizer.Iq4Numbers.ToArray().MinBy(number => Math.Abs((w / scales[0]) - number))), values[..32]);
        }
    }

    /// <summary>With an offset no element is further away than half a step and what the offset was rounded by, wherever the group lies; elements that are alike are an offset alone.</summary>
    [Fact]
    public void Quantize_WithOffsets_IsTheNearestStep()
    {
        foreach (var middle in new[] { 0, 0.3, -5, 300 })
        {
            for (var seed = 0; seed < 20; seed++)
            {
                var row = Array.ConvertAll(TestProgram.Normal(new Random(seed), 90, 1), bits => BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(bits) + (float)middle));
                row.AsSpan(32, 32).Fill(row[32]);
                var (values, scales) = Quantize(WeightFormat.Int4Asymmetric, row);
                Assert.Equal(8, scales.Length);
                for (var k = 0; k < row.Length; k++)
                {
                    var (scale, offset) = (scales[k / 32], scales[4 + (k / 32)]);
                    Assert.InRange(values[k], -8, 7);
                    Assert.InRange(Math.Abs(BFloat16Bits.ToSingle(row[k]) - ((scale * values[k]) + offset)), 0, (scale / 2) + (Math.Abs(offset) / 256));
                }

                Assert.Equal(0, scales[1]);
                Assert.Equal(BFloat16Bits.ToSingle(row[32]), scales[5]);
                Assert.All(values[90..], value => Assert.Equal(0, value));
            }
        }
    }

    /// <summary>The largest spread, and numbers too small to divide.</summary>
    [Fact]
    public void Quantize_WithOffsetsOfExtremeGroups_StaysFinite()
    {
        foreach (var (least, greatest) in new[] { (-3.3e38f, 3.3e38f), (0f, 1e-40f), (-1e-38f, 0f), (0f, 0f), (3.2e38f, 3.3e38f) })
        {
            var row = Enumerable.Range(0, 64).Select(k => BFloat16Bits.FromSingle(k % 2 == 0 ? least : greatest)).ToArray();
            var (values, scales) = Quantize(WeightFormat.Int4Asymmetric, row);
            Assert.All(scales, scale => Assert.True(scale == 0 || float.IsNormal(scale)));
            var most = (scales[0] / 2.0) + (Math.Abs(scales[2]) / 256) + 2e-38;
            Assert.All(Enumerable.Range(0, 64), k => Assert.InRange((scales[0] * (double)values[k]) + scales[2] - BFloat16Bits.ToSingle(row[k]), -most, most));
        }
    }

    /// <summary>Nothing, numbers too small to divide, and one number alone.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    [InlineData(WeightFormat.Mxfp4)]
    public void Quantize_ExtremeGroups_StayFinite(WeightFormat format)
    {
        foreach (var value in new[] { 0f, -0f, 1e-40f, 1e-38f, -3e38f, 3.3e38f })
        {
            var row = new ushort[64];
            row[5] = BFloat16Bits.FromSingle(value);
            var (values, scales) = Quantize(format, row);
            Assert.All(scales, scale => Assert.True(float.IsFinite(scale)));
            Assert.Equal(0, values.Where((_, k) => k != 5).Count(integer => integer != 0));
            Assert.InRange(scales[0] * values[5], Math.Min(value, 0) * 1.01 - 1e-37, (Math.Max(value, 0) * 1.01) + 1e-37);
        }
    }

    /// <summary>A row's integers do not depend on what else is in the chunk, nor on how many threads round it.</summary>
    [Fact]
    public void Quantize_InChunks_EqualsRowByRow()
    {
        var weight = new WeightSpec(0, "w", 40, 70, WeightKind.Matrix, []) { Format = WeightFormat.Int4 };
        var rows = TestProgram.Normal(new Random(3), 40 * 70, 1);
        var (values, scales) = new RowQuantizer(4).Quantize(weight, rows);
        for (var row = 0; row < 40; row++)
        {
            var (expected, expectedScales) = Quantize(WeightFormat.Int4, rows[(row * 70)..((row + 1) * 70)]);
            Assert.Equal(expected, values.Span.Slice(row * 128, 128).ToArray());
            Assert.Equal(expectedScales, Array.ConvertAll(scales.Span.Slice(row * 4, 4).ToArray(), BFloat16Bits.ToSingle));
        }
    }

    private static (sbyte[] Values, float[] Scales) Quantize(WeightFormat format, ushort[] row)
    {
        var values = new sbyte[BlockQuantizer.PaddedColumns(row.Length)];
        var scales = new ushort[BlockQuantizer.ScaleCount(format, row.Length)];
        BlockQuantizer.Quantize(format, row, values, scales);
        return (values, Array.ConvertAll(scales, BFloat16Bits.ToSingle));
    }
}
