using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A Linear's end fused with what follows gives the bits of the two kernels after each other.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class FusedKernelTests
{
    private const int ValuesBytes = 64 * (LoraFixture.RankStride + 8) * 2;
    private const int HeadsBytes = 32 * 260 * 4;

    private static readonly (int Slot, int Rows)[] Mixed = [(0, 1), (-1, 2), (1, 1), (2, 37), (1, 3), (-1, 40), (0, 70)];

    /// <summary>Widths of gate and up: by tiles, and row by row behind the deltas.</summary>
    [Theory]
    [InlineData(1300)]
    [InlineData(128)]
    [InlineData(70)]
    [InlineData(300)]
    public void SiluMul_AnyWidth_EqualsTheTwo(int width) => GateMul_AnyWidth_EqualsTheTwo(width, GateActivation.Silu);

    [Theory]
    [InlineData(128)]
    [InlineData(70)]
    public void GeluMul_AnyWidth_EqualsTheTwo(int width) => GateMul_AnyWidth_EqualsTheTwo(width, GateActivation.GeluTanh);

    private static void GateMul_AnyWidth_EqualsTheTwo(int width, GateActivation gate)
    {
        using var session = new KernelSession();
        var test = new LoraCase(64, [(0, width), (width, width)], [[16, 3], [0, 40], [8, 0]], Mixed);
        var (fixture, lora, product, bias) = Operands(session, test);
        var rounded = FinishOperands.Create(session, fixture, test, lora, product, bias, LinearOutput.Round);
        session.Launch("srv_linear_finish", new CudaGrid(4, 3), 128, ValuesBytes, rounded);
        var stride = Values.Stride(width);
        var activation = new SiluMulParameters
        {
            Input = rounded.Output,
            Output = session.Upload<ushort>(new ushort[test.RowCount * stride]),
            RowCount = rounded.RowCount,
            Columns = width,
            InputStride = rounded.OutputStride,
            OutputStride = stride,
            Activation = (int)gate,
        };
        session.Launch("srv_silu_mul", new CudaGrid(5), 256, 0, activation);
        var fused = rounded with { Output = session.Upload<ushort>(new ushort[test.RowCount * stride]), OutputStride = stride, Mode = (int)gate };
        session.Launch("srv_finish_silu_mul", new CudaGrid(3, 2), 256, KernelSet.FinishSiluSharedBytes, fused);
        var rows = Expanded(session, test, fused with { Output = session.Upload<ushort>(new ushort[test.RowCount * stride]) });
        session.Launch("srv_finish_silu_mul_rows", new CudaGrid(5, 2), 128, 0, rows);
        Assert.Equal(session.Download<ushort>(activation.Output, test.RowCount * stride), session.Download<ushort>(fused.Output, test.RowCount * stride));
        Assert.Equal(session.Download<ushort>(activation.Output, test.RowCount * stride), session.Download<ushort>(rows.Output, test.RowCount * stride));
    }

    [Theory]
    [InlineData(4, 2, 64, false)]
    [InlineData(6, 2, 16, true)]
    [InlineData(3, 1, 128, true)]
    [InlineData(6, 2, 16, true, KeyValueFormat.Int8)]
    public void RopeAppend_AnyHeads_EqualsTheTwo(int heads, int kvHeads, int headSize, bool norms, KeyValueFormat keyValues = KeyValueFormat.BFloat16)
    {
        using var session = new KernelSession();
        var pagesOf = keyValues == KeyValueFormat.Int8 ? "_int8" : string.Empty;
        var shape = new ModelShape(64, 64, 2, heads, kvHeads, headSize, 64) { KeyValues = keyValues };
        var (q, kv) = (shape.QueryWidth, shape.KvWidth);
        var test = new LoraCase(64, [(0, q), (q, kv), (q + kv, kv)], [[16, 3, 9], [0, 40, 1], [8, 0, 0]], Mixed);
        var (fixture, lora, product, bias) = Operands(session, test);
        var kept = FinishOperands.Create(session, fixture, test, lora, product, bias, LinearOutput.Keep);
        var rope = Rope(session, shape, test.RowCount, norms);
        var fused = new FinishRopeParameters { Linear = kept, Rope = rope };
        session.Launch("srv_finish_rope_append" + pagesOf, new CudaGrid(3, 2), 128, ValuesBytes + HeadsBytes, fused);
        var (fusedQueries, fusedPages) = Results(session, shape, test.RowCount, rope);
        rope = Rope(session, shape, test.RowCount, norms);
        var rows = new FinishRopeParameters { Linear = Expanded(session, test, kept), Rope = rope };
        session.Launch("srv_finish_rope_append_rows" + pagesOf, new CudaGrid(4, 2), 128, 16 * headSize, rows);
        var (rowQueries, rowPages) = Results(session, shape, test.RowCount, rope);
        session.Launch("srv_linear_finish", new CudaGrid(4, 3), 128, ValuesBytes, kept);
        rope = Rope(session, shape, test.RowCount, norms) with { Input = kept.Output, InputStride = kept.OutputStride };
        session.Launch("srv_rope_append" + pagesOf, new CudaGrid(9), 128, 0, rope);
        var (queries, pages) = Results(session, shape, test.RowCount, rope);
        Assert.Equal(queries, fusedQueries);
        Assert.Equal(pages, fusedPages);
        Assert.Equal(queries, rowQueries);
        Assert.Equal(pages, rowPages);
        Assert.Contains(pages, value => value != 0);
    }

    /// <summary>Widths of the residual stream, and ranks: rows whose adapter leaves it alone beside others; products in planes.</summary>
    [Theory]
    [InlineData(64, 1)]
    [InlineData(70, 1)]
    [InlineData(70, 2)]
    [InlineData(1100, 1)]
    [InlineData(5000, 2)]
    [InlineData(70, 3)]
    [InlineData(1100, 4)]
    [InlineData(5000, 4)]
    public void RmsNorm_AnyWidth_EqualsTheTwo(int width, int planes)
    {
        using var session = new KernelSession();
        var test = new LoraCase(64, [(0, width)], [[16], [0], [9]], Mixed);
        var (fixture, lora, product, bias) = Operands(session, test);
        var stride = Values.Stride(width);
        float[][] more = [.. Enumerable.Range(1, planes - 1).Select(plane => Values.Random(test.RowCount, width, 2, 3 + plane))];
        var whole = product.Select((value, i) => more.Aggregate(value, (sum, plane) => sum + plane[i])).ToArray();
        var added = FinishOperands.Create(session, fixture, test, lora, whole, bias, LinearOutput.Accumulate);
        var norm = new RmsNormParameters
        {
            Input = added.Output,
            Weight = session.Upload<ushort>(Values.Random(1, width, 2, 3).ToBFloat16()),
            Output = session.Upload<ushort>(new ushort[test.RowCount * stride]),
            RowCount = added.RowCount,
            Columns = width,
            InputStride = added.OutputStride,
            OutputStride = stride,
            Epsilon = 1e-5f,
        };
        var fused = new FinishNormParameters
        {
            Linear = Expanded(session, test, FinishOperands.Create(session, fixture, test, lora, product, bias, LinearOutput.Accumulate, more)),
            Norm = norm,
        };
        fused.Linear.Output = session.Upload<float>(session.Download<float>(added.Output, test.RowCount * stride));
        fused.Norm.Output = session.Upload<ushort>(new ushort[test.RowCount * stride]);
        session.Launch("srv_linear_finish", new CudaGrid(4, 3), 128, ValuesBytes, added);
        session.Launch("srv_rms_norm", new CudaGrid(5), StepKernel.NormThreads(256, width), 64, norm);
        session.Launch(planes > 2 ? "srv_finish_rms_norm_planes" : "srv_finish_rms_norm", new CudaGrid(7), 256, KernelSet.FinishNormSharedBytes(width), fused);
        Assert.Equal(session.Download<float>(added.Output, test.RowCount * stride), session.Download<float>(fused.Linear.Output, test.RowCount * stride));
        Assert.Equal(session.Download<ushort>(norm.Output, test.RowCount * stride), session.Download<ushort>(fused.Norm.Output, test.RowCount * stride));
    }

    /// <summary>With the deltas in memory that nothing else has written.</summary>
    private static FinishParameters Expanded(KernelSession session, LoraCase test, FinishParameters linear)
    {
        var stride = Values.Stride(test.Columns);
        linear = linear with { Delta = session.Allocate<float>(test.RowCount * stride), DeltaStride = stride };
        session.Launch("srv_lora_expand", new CudaGrid(3, 2), 128, ValuesBytes, linear with { Output = linear.Delta, OutputStride = stride });
        return linear;
    }

    private static (LoraFixture Fixture, LoraParameters Lora, float[] Product, ushort[] Bias) Operands(KernelSession session, LoraCase test)
    {
        var fixture = new LoraFixture(session, test);
        var (product, bias) = FinishOperands.WithNegativeZeros(test);
        return (fixture, FinishOperands.WithPartials(session, fixture), product, bias);
    }

    private static RopeAppendParameters Rope(KernelSession session, ModelShape shape, int rows, bool norms)
    {
        var rope = RopeTable.Create(200, [.. Enumerable.Range(0, shape.HeadSize / 2).Select(i => 1.0 / (i + 1))]);
        return new RopeAppendParameters
        {
            Output = session.Upload<ushort>(new ushort[rows * Values.Stride(shape.QueryWidth)]),
            Pages = session.Upload<ushort>(new ushort[PageCount(rows) * shape.PageBytes / sizeof(ushort)]),
            PageBytes = (ulong)shape.PageBytes,
            Positions = session.Upload<int>([.. Enumerable.Range(0, rows).Select(row => row * 31 % 200)]),
            AppendPages = session.Upload<int>([.. Enumerable.Range(0, rows).Select(row => row / 16)]),
            AppendSlots = session.Upload<int>([.. Enumerable.Range(0, rows).Select(row => row % 16)]),
            Cosines = session.Upload<float>(rope.Cosines),
            Sines = session.Upload<float>(rope.Sines),
            QueryNorm = norms ? session.Upload<ushort>(Values.Random(1, shape.HeadSize, 2, 1).ToBFloat16()) : 0,
            KeyNorm = norms ? session.Upload<ushort>(Values.Random(1, shape.HeadSize, 2, 2).ToBFloat16()) : 0,
            RowCount = session.Upload(rows),
            Layer = 1,
            HeadCount = shape.HeadCount,
            KvHeadCount = shape.KvHeadCount,
            HeadSize = shape.HeadSize,
            PairCount = shape.HeadSize / 2,
            OutputStride = Values.Stride(shape.QueryWidth),
            Epsilon = 1e-6f,
        };
    }

    private static (ushort[] Queries, ushort[] Pages) Results(KernelSession session, ModelShape shape, int rows, RopeAppendParameters rope) =>
        (session.Download<ushort>(rope.Output, rows * Values.Stride(shape.QueryWidth)),
            session.Download<ushort>(rope.Pages, PageCount(rows) * (int)shape.PageBytes / sizeof(ushort)));

    private static int PageCount(int rows) => (rows + 15) / 16;
}
