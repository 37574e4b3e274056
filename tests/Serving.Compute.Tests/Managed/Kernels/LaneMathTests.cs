using Serving.Compute.Managed.Lanes;
using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Managed.Kernels;

public sealed class LaneMathTests
{
    [Fact]
    public void Exp_OverItsRange_IsWithinTwoUnits() => Widths.RunAll(new ExpTest());

    [Fact]
    public void Round_AnyBits_IsNearestEven() => Widths.RunAll(new RoundTest());

    [Fact]
    public void KeepFirst_AnyCount_KeepsSoManyLanes() => Widths.RunAll(new KeepTest());

    private sealed class ExpTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            for (var x = -87.3f; x < 88.2f; x += 0.0137f)
            {
                var expected = Math.Exp(x);
                var relative = Math.Abs(LaneMath<TL, TV>.Exp(x) - expected) / expected;
                Assert.True(relative < 2.5e-7, $"exp({x}) is off by {relative}");
            }

            Assert.Equal(1f, LaneMath<TL, TV>.Exp(0f));
            Assert.Equal(0f, LaneMath<TL, TV>.Exp(-90f));
            Assert.Equal(0f, LaneMath<TL, TV>.Exp(float.NegativeInfinity));
            Assert.True(float.IsFinite(LaneMath<TL, TV>.Exp(1000f)));
        }
    }

    private sealed class RoundTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            for (var upper = 0; upper <= ushort.MaxValue; upper += 3)
            {
                foreach (var lower in (ReadOnlySpan<uint>)[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
                {
                    var value = BitConverter.UInt32BitsToSingle(((uint)upper << 16) | lower);
                    var expected = BitConverter.SingleToUInt32Bits(BFloat16Bits.Round(value));
                    Assert.Equal(expected, BitConverter.SingleToUInt32Bits(TL.First(TL.Round(TL.Broadcast(value)))));
                }
            }
        }
    }

    private sealed unsafe class KeepTest : IWidthTest
    {
        public void Run<TL, TV>()
            where TL : struct, ILanes<TV>
            where TV : struct
        {
            var lanes = stackalloc float[16];
            for (var count = -3; count <= TL.Count + 3; count++)
            {
                TL.Store(TL.KeepFirst(TL.Broadcast(1), count, TL.Broadcast(2)), lanes);
                for (var i = 0; i < TL.Count; i++)
                {
                    Assert.Equal(i < count ? 1 : 2, lanes[i]);
                }
            }
        }
    }
}
