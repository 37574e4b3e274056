using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Managed.Kernels;

public sealed class GemmKernelTests
{
    /// <summary>Every output is the chain of fused multiply-adds over the inputs in ascending order, to the bit, at every width and number of rows.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 33, 128)]
    [InlineData(1, 256, 200)]
    [InlineData(2, 100, 31)]
    [InlineData(4, 64, 32)]
    [InlineData(5, 77, 65)]
    [InlineData(8, 48, 96)]
    [InlineData(9, 19, 33)]
    [InlineData(13, 130, 47)]
    [InlineData(64, 64, 64)]
    public void Run_AnySize_IsOneChainPerOutput(int rows, int inputs, int outputs) => Widths.RunAll(new Chain(rows, inputs, outputs));

    private sealed unsafe class Chain(int rows, int inputs, int outputs) : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            var random = new Random(rows + inputs + outputs);
            var values = TestProgram.Normal(random, inputs * outputs, 1);
            using var weight = new PackedWeight(new WeightSpec(0, "w", outputs, inputs, WeightKind.Matrix, []), new RowQuantizer(1));
            weight.Load(0, values);
            using var x = new NativeBuffer<float>(rows * inputs);
            for (var i = 0; i < rows * inputs; i++)
            {
                x.Pointer[i] = (float)(random.NextDouble() - 0.5);
            }

            var stride = weight.PanelCount * PackedWeight.PanelWidth;
            using var tile = new NativeBuffer<float>((rows + 8) * stride);
            for (var panel = 0; panel < weight.PanelCount; panel += 4)
            {
                var panels = Math.Min(4, weight.PanelCount - panel);
                GemmKernel<TL, TV>.Run(x.Pointer, inputs, rows, weight.Panel(panel), panels, inputs, tile.Pointer + (panel * PackedWeight.PanelWidth), stride);
            }

            for (var row = 0; row < rows; row++)
            {
                for (var n = 0; n < outputs; n++)
                {
                    Assert.Equal(Expected(x.Pointer + (row * inputs), values.AsSpan(n * inputs, inputs)), tile.Pointer[(row * stride) + n]);
                }
            }
        }

        private static float Expected(float* x, ReadOnlySpan<ushort> weights)
        {
            var sum = 0f;
            for (var k = 0; k < weights.Length; k++)
            {
                sum = LaneMath.MultiplyAdd(x[k], BFloat16Bits.ToSingle(weights[k]), sum);
            }

            return sum;
        }
    }
}
