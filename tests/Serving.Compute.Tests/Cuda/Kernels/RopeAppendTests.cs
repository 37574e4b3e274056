using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Head norms, rotation and append: every head size, grouping and option, into scattered slots.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class RopeAppendTests
{
    private const int Pages = 5;
    private const int Layers = 2;
    private const int Layer = 1;
    private const float Epsilon = 1e-6f;

    [Theory]
    [InlineData(1, 4, 2, 16, false, 1)]
    [InlineData(9, 6, 2, 18, true, 3)]
    [InlineData(70, 3, 3, 80, false, 100)]
    [InlineData(5, 8, 1, 128, true, 4)]
    [InlineData(3, 7, 1, 64, false, 50)]
    [InlineData(3, 2, 1, 64, true, 5, true)]
    public void RopeAppend_AnyShape_MatchesFormula(int rows, int heads, int kvHeads, int headSize, bool norms, int blocks, bool turned = false)
    {
        using var session = new KernelSession();
        var shape = new ModelShape(64, 64, Layers, heads, kvHeads, headSize, 64);
        var rope = RopeTable.Create(200, [.. Enumerable.Range(0, headSize / 2).Select(i => 1.0 / (i + 1))]);
        var width = shape.QueryWidth + (2 * shape.KvWidth);
        var x = Values.Random(rows, width, 3, rows);
        var queryNorm = Values.Random(1, headSize, 2, 1).ToBFloat16();
        var keyNorm = Values.Random(1, headSize, 2, 2).ToBFloat16();
        var pages = new ushort[Pages * shape.PageBytes / sizeof(ushort)];
        int[] positions = [.. Enumerable.Range(0, rows).Select(row => row * 31 % 200)];
        var parameters = new RopeAppendParameters
        {
            Input = session.Upload<float>(x),
            Output = session.Allocate<ushort>(rows * Values.Stride(shape.QueryWidth)),
            Pages = session.Upload<ushort>(pages),
            PageBytes = (ulong)shape.PageBytes,
            Positions = session.Upload<int>(positions),
            AppendPages = session.Upload<int>([.. Enumerable.Range(0, rows).Select(PageOf)]),
            AppendSlots = session.Upload<int>([.. Enumerable.Range(0, rows).Select(SlotOf)]),
            Cosines = session.Upload<float>(rope.Cosines),
            Sines = session.Upload<float>(rope.Sines),
            QueryNorm = norms ? session.Upload<ushort>(queryNorm.AsSpan(0, headSize)) : 0,
            KeyNorm = norms ? session.Upload<ushort>(keyNorm.AsSpan(0, headSize)) : 0,
            RowCount = session.Upload(rows),
            Layer = Layer,
            HeadCount = heads,
            KvHeadCount = kvHeads,
            HeadSize = headSize,
            PairCount = headSize / 2,
            InputStride = Values.Stride(width),
            OutputStride = Values.Stride(shape.QueryWidth),
            NormsTurned = turned ? 1 : 0,
            Epsilon = Epsilon,
            QueryOffset = 1,
            KeyOffset = 0.5f,
        };
        session.Launch("srv_rope_append", new CudaGrid(blocks), 128, 0, parameters);
        var queries = session.Download<ushort>(parameters.Output, rows * Values.Stride(shape.QueryWidth));
        var appended = session.Download<ushort>(parameters.Pages, pages.Length);
        for (var row = 0; row < rows; row++)
        {
            for (var head = 0; head < heads + (2 * kvHeads); head++)
            {
                var values = x.Row(row, width)[(head * headSize)..((head + 1) * headSize)];
                var isValue = head >= heads + kvHeads;
                var norm = !norms || isValue ? null : head < heads ? queryNorm : keyNorm;
                var expected = norm is null || turned ? values : Normed(values);
                expected = isValue ? expected : ReferenceOps.Rotate(expected, rope, positions[row]);
                expected = norm is null || !turned ? expected : Normed(expected);
                var actual = head < heads
                    ? queries.AsSpan((row * Values.Stride(shape.QueryWidth)) + (head * headSize), headSize)
                    : appended.AsSpan(SlotAt(shape, row, head - heads), headSize);
                for (var i = 0; i < headSize; i++)
                {
                    Values.AssertRounded(expected[i], actual[i], $"row {row}, head {head}, element {i}");
                    actual[i] = 0;
                }

                double[] Normed(double[] of) => ReferenceOps.RmsNorm(of, [.. norm!.ToSingles().Row(0, headSize).Select(weight => weight + (head < heads ? 1 : 0.5))], Epsilon);
            }
        }

        // What is left is what nothing was to be written to.
        Assert.All(appended, value => Assert.Equal(0, value));
    }

    /// <summary>
    /// Integers: values have the bits that rounding by the format's definition gives, keys, which are turned first, stand for what they are within half a step; nothing else is written.
    /// </summary>
    [Theory]
    [InlineData(9, 6, 2, 18, true, 3)]
    [InlineData(5, 2, 1, 128, true, 4)]
    [InlineData(3, 2, 1, 256, false, 1)]
    public void RopeAppend_Integers_AreTheRoundedElements(int rows, int heads, int kvHeads, int headSize, bool norms, int blocks)
    {
        using var session = new KernelSession();
        var shape = new ModelShape(64, 64, Layers, heads, kvHeads, headSize, 64) { KeyValues = KeyValueFormat.Int8 };
        var (rope, width) = (RopeTable.Create(200, [.. Enumerable.Range(0, headSize / 2).Select(i => 1.0 / (i + 1))]), shape.QueryWidth + (2 * shape.KvWidth));
        var x = Values.Random(rows, width, 3, rows);

        // A value of zeros, and one whose magnitudes lie between two steps.
        x.AsSpan(shape.QueryWidth + shape.KvWidth, headSize).Clear();
        for (var i = 0; i < headSize; i++)
        {
            x[Values.Stride(width) + shape.QueryWidth + shape.KvWidth + i] = i == 0 ? 127 : (i % 200) - 99.5f;
        }

        var keyNorm = Values.Random(1, headSize, 2, 2).ToBFloat16();
        var parameters = Parameters(session, shape, rope, x, rows, norms ? keyNorm : null);
        session.Launch("srv_rope_append_int8", new CudaGrid(blocks), 128, 0, parameters);
        var pages = session.Download<byte>(parameters.Pages, Pages * (int)shape.PageBytes);
        for (var row = 0; row < rows; row++)
        {
            for (var head = 0; head < 2 * kvHeads; head++)
            {
                var from = (row * Values.Stride(width)) + shape.QueryWidth + (head * headSize);
                var block = pages.AsSpan((PageOf(row) * (int)shape.PageBytes) + (((Layer * 2 * kvHeads) + head) * 16 * (headSize + 4)), 16 * (headSize + 4));
                var integers = MemoryMarshal.Cast<byte, sbyte>(block).Slice(SlotOf(row) * headSize, headSize);
                var scale = MemoryMarshal.Cast<byte, float>(block[(16 * headSize)..]).Slice(SlotOf(row), 1);
                if (head < kvHeads)
                {
                    AssertStandFor(Key(x.AsSpan(from, headSize).ToArray(), norms ? keyNorm : null, rope, row * 31 % 200), integers, scale[0], $"row {row}, head {head}");
                }
                else
                {
                    var (rounded, step) = Rounded(x.AsSpan(from, headSize));
                    Assert.Equal(rounded, integers.ToArray());
                    Assert.Equal(step, scale[0]);
                }

                integers.Clear();
                scale.Clear();
            }
        }

        Assert.All(pages, value => Assert.Equal(0, value));
    }

    private static RopeAppendParameters Parameters(KernelSession session, ModelShape shape, RopeTable rope, float[] x, int rows, ushort[]? keyNorm) => new()
    {
        Input = session.Upload<float>(x),
        Output = session.Allocate<ushort>(rows * Values.Stride(shape.QueryWidth)),
        Pages = session.Upload<byte>(new byte[Pages * shape.PageBytes]),
        PageBytes = (ulong)shape.PageBytes,
        Positions = session.Upload<int>([.. Enumerable.Range(0, rows).Select(row => row * 31 % 200)]),
        AppendPages = session.Upload<int>([.. Enumerable.Range(0, rows).Select(PageOf)]),
        AppendSlots = session.Upload<int>([.. Enumerable.Range(0, rows).Select(SlotOf)]),
        Cosines = session.Upload<float>(rope.Cosines),
        Sines = session.Upload<float>(rope.Sines),
        KeyNorm = keyNorm is null ? 0 : session.Upload<ushort>(keyNorm.AsSpan(0, shape.HeadSize)),
        RowCount = session.Upload(rows),
        Layer = Layer,
        HeadCount = shape.HeadCount,
        KvHeadCount = shape.KvHeadCount,
        HeadSize = shape.HeadSize,
        PairCount = shape.HeadSize / 2,
        InputStride = Values.Stride(shape.QueryWidth + (2 * shape.KvWidth)),
        OutputStride = Values.Stride(shape.QueryWidth),
        Epsilon = Epsilon,
        KeyOffset = 0.5f,
    };

    private static double[] Key(float[] x, ushort[]? norm, RopeTable rope, int position)
    {
        double[] values = [.. x.Select(value => (double)value)];
        var normed = norm is null ? values : ReferenceOps.RmsNorm(values, [.. norm.ToSingles().Row(0, x.Length).Select(weight => weight + 0.5)], Epsilon);
        return ReferenceOps.Rotate(normed, rope, position);
    }

    private static void AssertStandFor(double[] expected, ReadOnlySpan<sbyte> integers, float scale, string what)
    {
        Values.AssertClose(expected.Max(Math.Abs) / 127, scale, 1e-6, $"{what}, scale");
        for (var i = 0; i < expected.Length; i++)
        {
            Values.AssertClose(expected[i], (double)scale * integers[i], (0.5 * scale) + 1e-5, $"{what}, element {i}");
        }
    }

    /// <summary><see cref="KeyValueFormat.Int8"/>, as it is defined.</summary>
    private static (sbyte[] Integers, float Scale) Rounded(ReadOnlySpan<float> x)
    {
        var largest = 0f;
        foreach (var value in x)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }

        var factor = largest > 0 ? 127f / largest : 0;
        return ([.. x.ToArray().Select(value => (sbyte)MathF.Round(value * factor))], largest / 127f);
    }

    private static int PageOf(int row) => row * 7 / 16 % Pages;

    private static int SlotOf(int row) => row * 7 % 16;

    /// <summary>Where a row's key (heads first) or value of a head lies.</summary>
    private static int SlotAt(ModelShape shape, int row, int keyOrValueHead)
    {
        var head = (Layer * 2 * shape.KvHeadCount) + keyOrValueHead;
        return (PageOf(row) * (int)shape.PageBytes / sizeof(ushort)) + (((head * 16) + SlotOf(row)) * shape.HeadSize);
    }
}
