using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Products of few rows, held to sums in double.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ProductKernelTests
{
    private const int MaxRows = 64;
    private const int PlaneGap = 12;

    /// <summary>Rows, outputs, inputs, planes, blocks.</summary>
    public static TheoryData<int, int, int, int, int> Cases => new()
    {
        { 1, 1, 8, 1, 1 }, { 3, 130, 72, 1, 2 }, { 16, 128, 256, 1, 1 }, { 17, 100, 200, 2, 3 }, { 33, 300, 330, 3, 2 }, { 64, 257, 640, 4, 7 }, { 64, 70, 130, 4, 1 }, { 40, 128, 1, 2, 5 },
    };

    /// <summary>Every plane has its part of the sums; rows behind the last and what lies between rows and planes are left as they were.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Product_AnySize_MatchesFormula(int rows, int outputs, int inputs, int planes, int blocks)
    {
        using var session = new KernelSession();
        var (x, w) = Operands(outputs, inputs);
        var y = Run(session, x, w, rows, outputs, inputs, planes, blocks);
        var (inputStride, outputStride) = (Values.Stride(inputs), Values.Stride(outputs));
        var (wideX, wideW) = (x.ToSingles(), w.ToSingles());
        var stages = (inputs + 63) / 64;
        for (var i = 0; i < y.Length; i++)
        {
            var (plane, at) = (i / PlaneFloats(outputs), i % PlaneFloats(outputs));
            var (row, column) = (at / outputStride, at % outputStride);
            if (row >= rows || column >= outputs)
            {
                Assert.Equal(-1f, y[i]);
                continue;
            }

            var (expected, end) = (0.0, Math.Min(inputs, (plane + 1) * stages / planes * 64));
            for (var k = plane * stages / planes * 64; k < end; k++)
            {
                expected += (double)wideX[(row * inputStride) + k] * wideW[(column * inputStride) + k];
            }

            Values.AssertClose(expected, y[i], 3e-5, $"plane {plane}, row {row}, output {column}");
        }
    }

    /// <summary>A row's bits depend neither on the rows beside it, nor on their number, nor on how the work is dealt out.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(20)]
    public void Product_RowsInCompany_HaveTheBitsOfFew(int rows)
    {
        using var session = new KernelSession();
        const int Outputs = 200;
        const int Inputs = 520;
        var (x, w) = Operands(Outputs, Inputs);
        var company = Run(session, x, w, MaxRows, Outputs, Inputs, 2, 3);
        var few = Run(session, x, w, rows, Outputs, Inputs, 2, 1);
        for (var plane = 0; plane < 2; plane++)
        {
            var (first, count) = (plane * PlaneFloats(Outputs), rows * Values.Stride(Outputs));
            Assert.Equal(company.AsSpan(first, count).ToArray(), few.AsSpan(first, count).ToArray());
        }
    }

    /// <summary>Launched right behind the kernel that writes its input, before that has ended where the device can: what it brings early is the weight alone.</summary>
    [Theory]
    [InlineData(5, 1)]
    [InlineData(64, 3)]
    public void Product_BehindTheKernelThatWritesItsInput_HasItsBits(int rows, int blocks)
    {
        using var session = new KernelSession();
        const int Outputs = 200;
        const int Inputs = 332;
        var (_, w) = Operands(Outputs, Inputs);
        var norm = new RmsNormParameters
        {
            Input = session.Upload<float>(Values.Random(rows, Inputs, 1, 9)),
            Weight = session.Upload<ushort>(Values.Random(1, Inputs, 1, 10).ToBFloat16()),
            Output = session.Allocate<ushort>(rows * Values.Stride(Inputs)),
            RowCount = session.Upload(rows),
            Columns = Inputs,
            InputStride = Values.Stride(Inputs),
            OutputStride = Values.Stride(Inputs),
            Epsilon = 1e-5f,
        };
        session.Launch("srv_rms_norm", new CudaGrid(rows), 256, 64, norm);
        var x = session.Download<ushort>(norm.Output, rows * Values.Stride(Inputs));
        session.Write<ushort>(norm.Output, new ushort[x.Length]);
        var parameters = ParametersOf(session, norm.Output, w, rows, Outputs, Inputs, 2);
        session.Queue("srv_rms_norm", new CudaGrid(rows), 256, 64, norm);
        session.Launch("srv_product", new CudaGrid(blocks), 256, KernelSet.ProductSharedBytes, parameters);
        Assert.Equal(Run(session, x, w, rows, Outputs, Inputs, 2, blocks), session.Download<float>(parameters.Output, 2 * PlaneFloats(Outputs)));
    }

    internal static int PlaneFloats(int outputs) => (MaxRows * Values.Stride(outputs)) + PlaneGap;

    private static (ushort[] X, ushort[] W) Operands(int outputs, int inputs) =>
        (Values.Random(MaxRows, inputs, 1, 7).ToBFloat16(), Values.Random(outputs, inputs, 1, 8).ToBFloat16());

    private static float[] Run(KernelSession session, ushort[] x, ushort[] w, int rows, int outputs, int inputs, int planes, int blocks)
    {
        var parameters = ParametersOf(session, session.Upload<ushort>(x.AsSpan(0, rows * Values.Stride(inputs))), w, rows, outputs, inputs, planes);
        session.Launch("srv_product", new CudaGrid(blocks), 256, KernelSet.ProductSharedBytes, parameters);
        return session.Download<float>(parameters.Output, planes * PlaneFloats(outputs));
    }

    /// <summary>With an output of -1 everywhere.</summary>
    internal static ProductParameters ParametersOf(KernelSession session, ulong input, ushort[] w, int rows, int outputs, int inputs, int planes)
    {
        var untouched = new float[planes * PlaneFloats(outputs)];
        untouched.AsSpan().Fill(-1);
        return new ProductParameters
        {
            Weight = session.Upload<ushort>(w),
            Input = input,
            Output = session.Upload<float>(untouched),
            RowCount = session.Upload(rows),
            PlaneStride = (ulong)PlaneFloats(outputs),
            Outputs = outputs,
            Inputs = inputs,
            Planes = planes,
            WeightStride = Values.Stride(inputs),
            InputStride = Values.Stride(inputs),
            OutputStride = Values.Stride(outputs),
        };
    }
}
