using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>LayerNorm and MLPs without gates, at widths that are no multiple of anything.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class LayerNormKernelTests
{
    /// <summary>Rows, columns, blocks.</summary>
    public static TheoryData<int, int, int> Cases => new() { { 1, 1, 1 }, { 5, 3, 9 }, { 3, 100, 2 }, { 70, 70, 7 }, { 1, 1029, 1 }, { 2, 4096, 4 } };

    /// <summary>With an offset and a bias, and with neither, of rows whose mean is far from nothing.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void LayerNorm_AnySize_MatchesFormula(int rows, int columns, int blocks)
    {
        Check(rows, columns, blocks, offset: 1, hasBias: true);
        Check(rows, columns, blocks, offset: 0, hasBias: false);
    }

    /// <summary>Heads of a wider row, each by a weight of its own, in place: what lies beside them stays.</summary>
    [Theory]
    [InlineData(5, 20, 3, 2)]
    [InlineData(2, 128, 5, 30)]
    public void LayerNorm_OfHeads_IsWrittenUnroundedInPlace(int rows, int size, int heads, int blocks)
    {
        using var session = new KernelSession();
        const int First = 12;
        var (width, x) = (size * heads, Values.Random(rows, First + (size * heads) + 3, 4, rows));
        var stride = Values.Stride(First + width + 3);
        var (weight, bias) = (Values.Random(1, width, 2, width).ToBFloat16(), Values.Random(1, width, 2, size).ToBFloat16());
        var values = session.Upload<float>(x);
        var parameters = new LayerNormParameters
        {
            Input = values + (First * sizeof(float)),
            Weight = session.Upload<ushort>(weight.AsSpan(0, width)),
            Bias = session.Upload<ushort>(bias.AsSpan(0, width)),
            Output = values + (First * sizeof(float)),
            RowCount = session.Upload(rows),
            Columns = size,
            Groups = heads,
            InputStride = stride,
            OutputStride = stride,
            Epsilon = 1e-5f,
            Mode = 1,
        };
        session.Launch("srv_layer_norm", new CudaGrid(blocks), 256, 64, parameters);
        var y = session.Download<float>(values, x.Length);
        for (var row = 0; row < rows; row++)
        {
            double[] before = [.. x.AsSpan(row * stride, stride).ToArray().Select(value => (double)value)];
            var (weights, biases) = (weight.ToSingles().Row(0, width), bias.ToSingles().Row(0, width));
            double[] expected =
            [
                .. before[..First],
                .. Enumerable.Range(0, heads).SelectMany(head =>
                {
                    var own = (head * size)..((head + 1) * size);
                    return ReferenceOps.LayerNorm(before[First..][own], weights[own], biases[own], 1e-5);
                }),
                .. before[(First + width)..],
            ];
            Assert.All(expected.Zip(y.AsSpan(row * stride, stride).ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    /// <summary>A row gives the same bits alone and among others.</summary>
    [Fact]
    public void LayerNorm_RowAlone_IsEqual()
    {
        const int Columns = 1029;
        var x = Values.Random(4, Columns, 4, 9);
        var all = Norm(x, 4, Columns, 3, 0, hasBias: true);
        Assert.Equal(all[2], Norm(x.AsSpan(2 * Values.Stride(Columns), Values.Stride(Columns)).ToArray(), 1, Columns, 1, 0, hasBias: true)[0]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gelu_AnySize_MatchesFormula(int rows, int columns, int blocks) => CheckActivation(rows, columns, blocks, MlpActivation.GeluTanh, ReferenceOps.Gelu);

    [Theory]
    [MemberData(nameof(Cases))]
    public void SquaredRelu_AnySize_MatchesFormula(int rows, int columns, int blocks) => CheckActivation(rows, columns, blocks, MlpActivation.SquaredRelu, ReferenceOps.SquaredRelu);

    /// <summary>Some elements so near to 0 that e^x has lost them.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void XIelu_AnySize_MatchesFormula(int rows, int columns, int blocks)
    {
        CheckActivation(rows, columns, blocks, MlpActivation.XIelu, x => ReferenceOps.XIelu(x, Numbers.ToSingles().Row(0, 4)));
        CheckActivation(rows, columns, blocks, MlpActivation.XIelu, x => ReferenceOps.XIelu(x, Numbers.ToSingles().Row(0, 4)), range: 1e-3f);
    }

    /// <summary>p, n, b, m.</summary>
    private static ushort[] Numbers => new[] { 0.8f, 1.3f, 0.5f, -1e-6f }.ToBFloat16();

    private static void Check(int rows, int columns, int blocks, float offset, bool hasBias)
    {
        var x = Array.ConvertAll(Values.Random(rows, columns, 4, rows), value => value + 3);
        var y = Norm(x, rows, columns, blocks, offset, hasBias);
        for (var row = 0; row < rows; row++)
        {
            double[] weight = [.. Weight(columns).ToSingles().Row(0, columns).Select(value => value + offset)];
            var expected = ReferenceOps.LayerNorm(x.Row(row, columns), weight, hasBias ? Bias(columns).ToSingles().Row(0, columns) : null, 1e-5);
            for (var i = 0; i < columns; i++)
            {
                Values.AssertRounded(expected[i], y[row][i], $"row {row}, column {i}");
            }
        }
    }

    private static ushort[] Weight(int columns) => Values.Random(1, columns, 2, columns).ToBFloat16();

    private static ushort[] Bias(int columns) => Values.Random(1, columns, 2, columns + 1).ToBFloat16();

    private static ushort[][] Norm(float[] x, int rows, int columns, int blocks, float offset, bool hasBias)
    {
        using var session = new KernelSession();
        var parameters = new LayerNormParameters
        {
            Input = session.Upload<float>(x),
            Weight = session.Upload<ushort>(Weight(columns).AsSpan(0, columns)),
            Bias = hasBias ? session.Upload<ushort>(Bias(columns).AsSpan(0, columns)) : 0,
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            Groups = 1,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
            Epsilon = 1e-5f,
            Offset = offset,
        };
        session.Launch("srv_layer_norm", new CudaGrid(blocks), 256, 64, parameters);
        return Rows(session, parameters.Output, rows, columns);
    }

    private static void CheckActivation(int rows, int columns, int blocks, MlpActivation activation, Func<double[], double[]> formula, float range = 20)
    {
        using var session = new KernelSession();
        var x = Values.Random(rows, columns, range, rows).ToBFloat16();
        var parameters = new ActivateParameters
        {
            Input = session.Upload<ushort>(x),
            Output = session.Allocate<ushort>(rows * Values.Stride(columns)),
            Numbers = session.Upload<ushort>(Numbers),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = Values.Stride(columns),
            OutputStride = Values.Stride(columns),
            Activation = (int)activation,
        };
        session.Launch("srv_activate", new CudaGrid(blocks), 256, 0, parameters);
        var y = Rows(session, parameters.Output, rows, columns);
        for (var row = 0; row < rows; row++)
        {
            var expected = formula(x.ToSingles().Row(row, columns));
            for (var i = 0; i < columns; i++)
            {
                Values.AssertRounded(expected[i], y[row][i], $"row {row}, column {i}");
            }
        }
    }

    private static ushort[][] Rows(KernelSession session, ulong address, int rows, int columns)
    {
        var values = session.Download<ushort>(address, rows * Values.Stride(columns));
        return [.. Enumerable.Range(0, rows).Select(row => values.AsSpan(row * Values.Stride(columns), columns).ToArray())];
    }
}
