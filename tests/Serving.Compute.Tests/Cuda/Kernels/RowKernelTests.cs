using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Operations on rows, at widths that are no multiple of anything, over grids that are smaller and larger than the work.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class RowKernelTests
{
    /// <summary>Of a gate that has one.</summary>
    private const float GateLimit = 1.5f;

    /// <summary>Rows, columns, blocks.</summary>
    public static TheoryData<int, int, int> Cases => new()
    {
        { 1, 1, 1 }, { 5, 3, 9 }, { 1, 64, 1 }, { 3, 100, 2 }, { 300, 70, 7 }, { 2, 576, 2 }, { 1, 1029, 1 }, { 2, 4096, 4 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_AnySize_MatchesFormula(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, 4, rows);
        var weight = Values.Random(1, columns, 2, columns).ToBFloat16();
        var parameters = new RmsNormParameters
        {
            Input = session.Upload<float>(x),
            Weight = session.Upload<ushort>(weight.AsSpan(0, columns)),
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
            Epsilon = 1e-5f,
        };
        session.Launch("srv_rms_norm", new CudaGrid(blocks), 256, 64, parameters);
        var y = Rows(session, parameters.Output, rows, columns);
        for (var row = 0; row < rows; row++)
        {
            var expected = ReferenceOps.RmsNorm(x.Row(row, columns), weight[..columns].ToSingles().Row(0, columns), 1e-5);
            AssertRow(expected, y[row], $"row {row}");
        }
    }

    /// <summary>Weights with an offset that is not rounded, added to what is there.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_WithOffset_IsAddedUnrounded(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, 4, rows);
        var before = Values.Random(rows, columns, 3, columns);
        var weight = Values.Random(1, columns, 0.01f, columns).ToBFloat16();
        var parameters = new RmsNormParameters
        {
            Input = session.Upload<float>(x),
            Weight = session.Upload<ushort>(weight.AsSpan(0, columns)),
            Output = session.Upload<float>(before),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
            Epsilon = 1e-5f,
            Offset = 1,
            Mode = 2,
        };
        session.Launch("srv_rms_norm", new CudaGrid(blocks), 256, 64, parameters);
        var y = session.Download<float>(parameters.Output, rows * Values.Stride(columns));
        for (var row = 0; row < rows; row++)
        {
            double[] weights = [.. weight[..columns].ToSingles().Row(0, columns).Select(value => value + 1)];
            var expected = ReferenceOps.RmsNorm(x.Row(row, columns), weights, 1e-5).Zip(before.Row(row, columns), (a, b) => a + b).ToArray();
            for (var i = 0; i < columns; i++)
            {
                Assert.Equal(expected[i], y.Row(row, columns)[i], 3e-6);
            }
        }
    }

    /// <summary>Columns of a wider row, in place: what lies beside them stays.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_OfColumns_IsWrittenUnroundedInPlace(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        const int First = 12;
        var x = Values.Random(rows, First + columns + 3, 4, rows);
        var stride = Values.Stride(First + columns + 3);
        var weight = Values.Random(1, columns, 2, columns).ToBFloat16();
        var values = session.Upload<float>(x);
        var parameters = new RmsNormParameters
        {
            Input = values + (First * sizeof(float)),
            Weight = session.Upload<ushort>(weight.AsSpan(0, columns)),
            Output = values + (First * sizeof(float)),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = stride,
            OutputStride = stride,
            Epsilon = 1e-5f,
            Mode = 1,
        };
        session.Launch("srv_rms_norm", new CudaGrid(blocks), 256, 64, parameters);
        var y = session.Download<float>(values, x.Length);
        for (var row = 0; row < rows; row++)
        {
            var (before, after) = (x.AsSpan(row * stride, stride).ToArray(), y.AsSpan(row * stride, stride).ToArray());
            double[] part = [.. before[First..(First + columns)].Select(value => (double)value)];
            double[] expected = [.. before[..First].Select(value => (double)value), .. ReferenceOps.RmsNorm(part, weight[..columns].ToSingles().Row(0, columns), 1e-5), .. before[(First + columns)..].Select(value => (double)value)];
            Assert.All(expected.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    /// <summary>Without a weight nothing is normed.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_WithoutAWeight_RoundsItsInput(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, 4, rows);
        var parameters = new RmsNormParameters
        {
            Input = session.Upload<float>(x),
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
        };
        session.Launch("srv_rms_norm", new CudaGrid(blocks), 256, 64, parameters);
        var y = session.Download<ushort>(parameters.Output, rows * Values.Stride(columns));
        for (var i = 0; i < x.Length; i++)
        {
            Assert.True(i % Values.Stride(columns) >= columns || BFloat16Bits.FromSingle(x[i]) == y[i]);
        }
    }

    /// <summary>Values multiplied and bounded, or multiplied alone; what lies behind a row's columns stays.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Cap_AnySize_MatchesFormula(int rows, int columns, int blocks)
    {
        CheckCap(rows, columns, blocks, 30, 1.5f);
        CheckCap(rows, columns, blocks, 0, 0.1f);
        CheckCap(rows, columns, blocks, 0, 1.5f, hasBias: true);
    }

    /// <summary>A row gives the same bits alone and among others.</summary>
    [Fact]
    public void RmsNorm_RowAlone_IsEqual()
    {
        using var session = new KernelSession();
        const int Columns = 1029;
        var x = Values.Random(4, Columns, 4, 9);
        var parameters = new RmsNormParameters
        {
            Input = session.Upload<float>(x),
            Weight = session.Upload<ushort>(Values.Random(1, Columns, 2, 8).ToBFloat16()),
            Output = session.Allocate<ushort>(4 * Values.Stride(Columns)),
            RowCount = session.Upload(4),
            Columns = Columns,
            InputStride = Values.Stride(Columns),
            OutputStride = Values.Stride(Columns),
            Epsilon = 1e-6f,
        };
        session.Launch("srv_rms_norm", new CudaGrid(3), 256, 64, parameters);
        var all = Rows(session, parameters.Output, 4, Columns);
        parameters.RowCount = session.Upload(1);
        parameters.Input = session.Upload<float>(x.AsSpan(2 * Values.Stride(Columns), Values.Stride(Columns)));
        session.Launch("srv_rms_norm", new CudaGrid(1), 256, 64, parameters);
        Assert.Equal(all[2], Rows(session, parameters.Output, 1, Columns)[0]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void SiluMul_AnySize_MatchesFormula(int rows, int columns, int blocks) => GateMul_MatchesFormula(rows, columns, blocks, GateActivation.Silu, ReferenceOps.SiluMul);

    [Theory]
    [MemberData(nameof(Cases))]
    public void GeluMul_AnySize_MatchesFormula(int rows, int columns, int blocks) => GateMul_MatchesFormula(rows, columns, blocks, GateActivation.GeluTanh, ReferenceOps.GeluMul);

    /// <summary>With a limit that half of the values pass.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void SwigluMul_AnySize_MatchesFormula(int rows, int columns, int blocks) =>
        GateMul_MatchesFormula(rows, columns, blocks, GateActivation.SwigluOai, gateUp => ReferenceOps.SwigluMul(gateUp, GateLimit));

    /// <summary>Attention times the sigmoid of its gate, which has a stride of its own.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void SigmoidMul_AnySize_MatchesFormula(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, 20, rows).ToBFloat16();
        var gate = Values.Random(rows, columns + 9, 8, rows + 1);
        var parameters = new SigmoidMulParameters
        {
            Input = session.Upload<ushort>(x),
            Gate = session.Upload<float>(gate),
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(columns),
            GateStride = Values.Stride(columns + 9),
            OutputStride = Values.Stride(columns),
        };
        session.Launch("srv_sigmoid_mul", new CudaGrid(blocks), 256, 0, parameters);
        var y = Rows(session, parameters.Output, rows, columns);
        for (var row = 0; row < rows; row++)
        {
            AssertRow([.. x.ToSingles().Row(row, columns).Zip(gate.Row(row, columns + 9), (value, by) => value / (1 + Math.Exp(-by)))], y[row], $"row {row}");
        }
    }

    /// <summary>Token ids, and negative ones that stand for what the previous step sampled.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Embed_AnySize_IsTheTablesRow(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var table = Values.Random(37, columns, 1, columns).ToBFloat16();
        int[] sampled = [5, 36, 11];
        int[] tokens = [.. Enumerable.Range(0, rows).Select(row => row % 4 == 1 ? ~(row % 3) : row * 7 % 37)];
        var parameters = new EmbedParameters
        {
            Weight = session.Upload<ushort>(table),
            TokenIds = session.Upload<int>(tokens),
            Sampled = session.Upload<int>(sampled),
            Pending = session.Allocate<int>(rows),
            Output = session.Allocate<float>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            WeightStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
            Scale = 1.5f,
        };
        session.Launch("srv_embed", new CudaGrid(blocks), 128, 0, parameters);
        Assert.Equal(tokens.Select(token => token < 0 ? sampled[~token] : -1), session.Download<int>(parameters.Pending, rows));
        var y = session.Download<float>(parameters.Output, rows * Values.Stride(columns));
        for (var row = 0; row < rows; row++)
        {
            var token = tokens[row] < 0 ? sampled[~tokens[row]] : tokens[row];
            Assert.Equal(table.ToSingles().Row(token, columns).Select(value => value * 1.5), y.Row(row, columns));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gather_AnySize_IsTheNamedRow(int outputs, int columns, int blocks)
    {
        using var session = new KernelSession();
        var x = Values.Random(11, columns, 1, columns);
        SampleRow[] samples = [.. Enumerable.Range(0, outputs).Select(i => new SampleRow { Row = i * 5 % 11 })];
        var parameters = new GatherParameters
        {
            Input = session.Upload<float>(x),
            Output = session.Allocate<float>(outputs * Values.Stride(columns)),
            SampleRows = session.Upload<SampleRow>(samples),
            OutputCount = session.Upload(outputs),
            Columns = columns,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
        };
        session.Launch("srv_gather", new CudaGrid(blocks), 128, 0, parameters);
        var y = session.Download<float>(parameters.Output, outputs * Values.Stride(columns));
        for (var i = 0; i < outputs; i++)
        {
            Assert.Equal(x.Row(i * 5 % 11, columns), y.Row(i, columns));
        }
    }

    private static void CheckCap(int rows, int columns, int blocks, float cap, float scale, bool hasBias = false)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, 200, rows);
        for (var row = 0; row < rows; row++)
        {
            x.AsSpan((row * Values.Stride(columns)) + columns, Values.Stride(columns) - columns).Fill(99);
        }

        var bias = Values.Random(1, columns, 90, columns).ToBFloat16();
        var parameters = new CapParameters { Values = session.Upload<float>(x), Bias = hasBias ? session.Upload<ushort>(bias.AsSpan(0, columns)) : 0, RowCount = session.Upload(rows), Columns = columns, Stride = Values.Stride(columns), Cap = cap, Scale = scale };
        session.Launch("srv_cap", new CudaGrid(blocks), 256, 0, parameters);
        var y = session.Download<float>(parameters.Values, x.Length);
        for (var i = 0; i < x.Length; i++)
        {
            var column = i % Values.Stride(columns);
            var scaled = (double)(x[i] + (hasBias && column < columns ? BFloat16Bits.ToSingle(bias[column]) : 0)) * scale;
            Assert.Equal(column >= columns ? 99 : cap > 0 ? cap * Math.Tanh(scaled / cap) : scaled, y[i], hasBias ? 1e-4 : 1e-5);
        }
    }

    private static void GateMul_MatchesFormula(int rows, int columns, int blocks, GateActivation activation, Func<double[], double[]> formula)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, 2 * columns, 20, rows).ToBFloat16();
        var parameters = new SiluMulParameters
        {
            Input = session.Upload<ushort>(x),
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(2 * columns),
            OutputStride = Values.Stride(columns),
            Activation = (int)activation,
            Limit = GateLimit,
        };
        session.Launch("srv_silu_mul", new CudaGrid(blocks), 256, 0, parameters);
        var y = Rows(session, parameters.Output, rows, columns);
        for (var row = 0; row < rows; row++)
        {
            AssertRow(formula(x.ToSingles().Row(row, 2 * columns)), y[row], $"row {row}");
        }
    }

    private static ushort[][] Rows(KernelSession session, ulong address, int rows, int columns)
    {
        var values = session.Download<ushort>(address, rows * Values.Stride(columns));
        return [.. Enumerable.Range(0, rows).Select(row => values.AsSpan(row * Values.Stride(columns), columns).ToArray())];
    }

    private static void AssertRow(double[] expected, ushort[] actual, string what)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Values.AssertRounded(expected[i], actual[i], $"{what}, column {i}");
        }
    }
}
