using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Managed.Kernels;

/// <summary>Attention over one block: what is behind a query's ordinal does not count, and where probabilities are rounded.</summary>
public sealed unsafe class AttentionKernelTests
{
    private const int Block = AttentionState.Block;
    private const int Sums = 64;

    /// <summary>Probabilities are rounded for the values, their sum is of unrounded ones.</summary>
    [Fact]
    public void Softmax_Rounding_LeavesTheSumUnrounded() => Widths.RunAll(new RoundingTest());

    /// <summary>A later block with a higher maximum rescales what was summed before.</summary>
    [Fact]
    public void Softmax_OverTwoBlocks_MatchesFormula() => Widths.RunAll(new TwoBlocksTest());

    /// <summary>Scores behind the ordinal give 0, whatever they are.</summary>
    [Fact]
    public void Softmax_BehindTheOrdinal_IsZero() => Widths.RunAll(new MaskTest());

    private static void Fill(float* scores, int seed, float shift)
    {
        var random = new Random(seed);
        for (var i = 0; i < Block; i++)
        {
            scores[i] = (float)(random.NextDouble() * 6) + shift;
        }
    }

    private sealed class RoundingTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            var (exact, exactWeight) = Probabilities<TL, TV>(round: false);
            var (rounded, roundedWeight) = Probabilities<TL, TV>(round: true);
            Assert.Equal(exact.Select(BFloat16Bits.Round), rounded);
            Assert.NotEqual(exact, rounded);
            Assert.Equal(exactWeight, roundedWeight);
        }

        private static (float[] Probabilities, float Weight) Probabilities<TL, TV>(bool round)
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var memory = new NativeBuffer<float>(Block + Sums);
            Fill(memory.Pointer, 1, 0);
            var (maximum, weight) = (float.NegativeInfinity, 0f);
            AttentionKernel<TL, TV>.Softmax(memory.Pointer, 0, 29, 0.5f, 0, &maximum, &weight, memory.Pointer + Block, Sums, round);
            return (new ReadOnlySpan<float>(memory.Pointer, Block).ToArray(), weight);
        }
    }

    private sealed class TwoBlocksTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var memory = new NativeBuffer<float>(Block + Sums);
            using var values = new NativeBuffer<float>(Block * Sums);
            new Span<float>(values.Pointer, Block * Sums).Fill(1);
            var (maximum, weight) = (float.NegativeInfinity, 0f);
            var expected = new List<double>();
            for (var block = 0; block < 2; block++)
            {
                Fill(memory.Pointer, block, 5 * block);
                expected.AddRange(new ReadOnlySpan<float>(memory.Pointer, Block).ToArray().Select(score => score * 0.5));
                AttentionKernel<TL, TV>.Softmax(memory.Pointer, 0, Block, 0.5f, 0, &maximum, &weight, memory.Pointer + Block, Sums, round: false);
                AttentionKernel<TL, TV>.Accumulate(memory.Pointer, Block, values.Pointer, Sums, memory.Pointer + Block, Sums);
            }

            var sum = expected.Sum(score => Math.Exp(score - expected.Max()));
            Assert.Equal(expected.Max(), maximum, 1e-6);
            Assert.Equal(sum, weight, 1e-5);
            Assert.Equal(sum, memory.Pointer[Block + 33], 1e-5);
        }
    }

    private sealed class MaskTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            using var memory = new NativeBuffer<float>(Block + Sums);
            foreach (var (from, valid) in new[] { (0, 1), (-40, 3), (0, 4), (0, 8), (3, 15), (15, 16), (8, 17), (17, 31), (30, 31) })
            {
                Fill(memory.Pointer, valid, 0);
                memory.Pointer[valid] = float.NaN;
                memory.Pointer[Block - 1] = valid < Block - 1 ? 1e30f : float.PositiveInfinity;
                var (maximum, weight) = (float.NegativeInfinity, 0f);
                AttentionKernel<TL, TV>.Softmax(memory.Pointer, from, valid, 1, 0, &maximum, &weight, memory.Pointer + Block, Sums, round: false);
                for (var i = 0; i < Block; i++)
                {
                    Assert.Equal(i >= from && i < valid, memory.Pointer[i] > 0);
                }
            }
        }
    }
}
