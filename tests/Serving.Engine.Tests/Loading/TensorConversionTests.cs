using System.Runtime.InteropServices;
using Serving.Compute.Numerics;
using Serving.Engine.Loading;

namespace Serving.Engine.Tests.Loading;

public class TensorConversionTests
{
    [Fact]
    public void TryToBFloat16_EveryHalf_RoundsAsAFloatDoes()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var half = BitConverter.UInt16BitsToHalf((ushort)bits);
            var result = new ushort[1];
            var finite = TensorConversion.TryToBFloat16(TensorType.F16, MemoryMarshal.AsBytes<Half>(new[] { half }), result);
            Assert.Equal(Half.IsFinite(half), finite);
            Assert.Equal(BFloat16Bits.FromSingle((float)half), result[0]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(64)]
    [InlineData(1000)]
    public void TryToBFloat16_Singles_RoundToNearestEvenAtEveryLength(int count)
    {
        var random = new Random(count);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            // Random mantissas, and exact halves that must go to even.
            var bits = (uint)random.NextInt64(0x7F000000) | (random.Next(2) == 0 ? 0 : 0x80000000);
            values[i] = BitConverter.UInt32BitsToSingle(random.Next(4) == 0 ? (bits & 0xFFFF0000) | 0x8000 : bits);
        }

        var result = new ushort[count];
        Assert.True(TensorConversion.TryToBFloat16(TensorType.F32, MemoryMarshal.AsBytes<float>(values), result));
        Assert.Equal(values.Select(BFloat16Bits.FromSingle), result);
    }

    [Theory]
    [InlineData(0x7F800000u)]
    [InlineData(0xFF800000u)]
    [InlineData(0x7FC00000u)]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(0x7F800001u)]
    [InlineData(0x7F7FFFFFu)]
    public void TryToBFloat16_NotFiniteAnywhere_IsFound(uint bits)
    {
        for (var position = 0; position < 70; position++)
        {
            var values = new uint[70];
            values[position] = bits;
            Assert.False(TensorConversion.TryToBFloat16(TensorType.F32, MemoryMarshal.AsBytes<uint>(values), new ushort[70]));
        }
    }
}
