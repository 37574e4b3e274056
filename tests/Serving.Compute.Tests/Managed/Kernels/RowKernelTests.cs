using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Managed.Kernels;

/// <summary>Operations on rows against the formulas in double precision, at sizes that are no multiple of a vector.</summary>
public sealed class RowKernelTests
{
    /// <summary>Sizes around every width.</summary>
    public static TheoryData<int> Sizes => [1, 2, 3, 4, 7, 8, 15, 16, 17, 40, 80, 100, 576];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void RmsNorm_AnySize_MatchesFormula(int size) => Widths.RunAll(new NormTest(size));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void LayerNorm_AnySize_MatchesFormula(int size) => Widths.RunAll(new LayerNormTest(size));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Activate_AnySize_MatchesFormula(int size)
    {
        Widths.RunAll(new ActivationTest(size, MlpActivation.GeluTanh, ReferenceOps.Gelu));
        Widths.RunAll(new ActivationTest(size, MlpActivation.SquaredRelu, ReferenceOps.SquaredRelu));
        Widths.RunAll(new ActivationTest(size, MlpActivation.XIelu, x => ReferenceOps.XIelu(x, [0.8f, 1.3f, 0.5f, -1e-6f])));
        Widths.RunAll(new ActivationTest(size, MlpActivation.XIelu, x => ReferenceOps.XIelu(x, [0.8f, 1.3f, 0.5f, -1e-6f]), 1e-3));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void SiluMul_AnySize_MatchesFormula(int size) => Widths.RunAll(new GateTest(size, GateActivation.Silu, ReferenceOps.SiluMul));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void AddRmsNorm_AnySize_AddsFormula(int size) => Widths.RunAll(new AddNormTest(size));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void GeluMul_AnySize_MatchesFormula(int size) => Widths.RunAll(new GateTest(size, GateActivation.GeluTanh, ReferenceOps.GeluMul));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void SwigluMul_AnySize_MatchesFormula(int size) => Widths.RunAll(new GateTest(size, GateActivation.SwigluOai, gateUp => ReferenceOps.SwigluMul(gateUp, 7)));

    [Fact]
    public void Cap_FromZeroToFarBeyond_MatchesFormula() => Widths.RunAll(new CapTest());

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Rotate_AnySize_MatchesFormula(int size) => Widths.RunAll(new RotateTest(size));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void LogSumExp_AnySize_MatchesFormula(int size) => Widths.RunAll(new LogSumTest(size * 37));

    private static NativeBuffer<float> Random(int size, double scale)
    {
        var random = new Random(size);
        var buffer = new NativeBuffer<float>(size);
        for (var i = 0; i < size; i++)
        {
            buffer.At(i) = (float)((random.NextDouble() - 0.5) * scale);
        }

        return buffer;
    }

    private static void AssertClose(double[] expected, NativeBuffer<float> actual, double tolerance)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual.At(i), tolerance);
        }
    }

    private sealed unsafe class NormTest(int size) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(size, 4);
            using var weight = Random(size + 1, 2);
            using var y = new NativeBuffer<float>(size);
            RowKernel<TL, TV>.RmsNorm(x.Pointer, weight.Pointer, y.Pointer, size, 1e-5f, round: false);
            AssertClose(ReferenceOps.RmsNorm(x.ToDoubles(), weight.ToDoubles()[..size], 1e-5), y, 3e-6);
        }
    }

    /// <summary>With a bias and without, of elements whose mean is far from nothing.</summary>
    private sealed unsafe class LayerNormTest(int size) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(size, 4);
            for (var i = 0; i < size; i++)
            {
                x.At(i) += 3;
            }

            using var weight = Random(size + 1, 2);
            using var bias = Random(size + 2, 2);
            using var y = new NativeBuffer<float>(size);
            var (weights, biases) = (weight.ToDoubles()[..size], bias.ToDoubles()[..size]);
            RowKernel<TL, TV>.LayerNorm(x.Pointer, weight.Pointer, bias.Pointer, y.Pointer, size, 1e-5f, round: false);
            AssertClose(ReferenceOps.LayerNorm(x.ToDoubles(), weights, biases, 1e-5), y, 1e-5);
            var expected = ReferenceOps.LayerNorm(x.ToDoubles(), weights, null, 1e-5);
            RowKernel<TL, TV>.LayerNorm(x.Pointer, weight.Pointer, null, x.Pointer, size, 1e-5f, round: false);
            AssertClose(expected, x, 1e-5);
        }
    }

    private sealed unsafe class ActivationTest(int size, MlpActivation activation, Func<double[], double[]> formula, double range = 20) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(size, range);
            using var y = new NativeBuffer<float>(size);
            var numbers = stackalloc float[] { 0.8f, 1.3f, 0.5f, -1e-6f };
            RowKernel<TL, TV>.Activate(x.Pointer, y.Pointer, size, activation, numbers, round: false);
            AssertClose(formula(x.ToDoubles()), y, 2e-6 * range);
        }
    }

    private sealed unsafe class AddNormTest(int size) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(size, 4);
            using var weight = Random(size + 1, 2);
            using var y = Random(size + 2, 3);
            var expected = ReferenceOps.RmsNorm(x.ToDoubles(), weight.ToDoubles()[..size], 1e-5).Zip(y.ToDoubles(), (a, b) => a + b).ToArray();
            RowKernel<TL, TV>.AddRmsNorm(x.Pointer, weight.Pointer, y.Pointer, size, 1e-5f);
            AssertClose(expected, y, 3e-6);
        }
    }

    private sealed class CapTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            foreach (var value in new[] { 0f, 1e-3f, -0.4f, 12f, -49f, 50f, 700f, -1e6f, 1e30f })
            {
                var capped = TL.First(LaneMath<TL, TV>.Cap(TL.Broadcast(value), TL.Broadcast(50)));
                Assert.Equal(50 * Math.Tanh(value / 50), capped, 1e-5);
            }
        }
    }

    private sealed unsafe class GateTest(int size, GateActivation activation, Func<double[], double[]> formula) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(2 * size, 20);
            using var y = new NativeBuffer<float>(size);
            RowKernel<TL, TV>.GateMul(x.Pointer, y.Pointer, size, activation, 7, 1, round: false);
            AssertClose(formula(x.ToDoubles()), y, 3e-5);
        }
    }

    private sealed unsafe class RotateTest(int size) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            var rope = RopeTable.Create(8, [.. Enumerable.Range(0, size).Select(i => 1.0 / (i + 1))]);
            using var x = Random(2 * size, 4);
            var expected = ReferenceOps.Rotate(x.ToDoubles(), rope, 7);
            fixed (float* cosines = rope.Cosines, sines = rope.Sines)
            {
                RowKernel<TL, TV>.Rotate(x.Pointer, cosines + (7 * size), sines + (7 * size), size);
            }

            AssertClose(expected, x, 1e-6);
        }
    }

    private sealed unsafe class LogSumTest(int size) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var x = Random(size, 30);
            var largest = x.ToDoubles().Max();
            var expected = largest + Math.Log(x.ToDoubles().Sum(value => Math.Exp(value - largest)));
            Assert.Equal(expected, LogitKernel<TL, TV>.LogSumExp(x.Pointer, size), 1e-5);
            Assert.Equal(Array.IndexOf(x.ToDoubles(), largest), LogitKernel<TL, TV>.ArgMax(x.Pointer, size));
        }
    }
}
