using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Numerics;

public sealed class BFloat16BitsTests
{
    [Fact]
    public void ToSingle_ThenFromSingle_IsTheSameBits()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var value = BFloat16Bits.ToSingle((ushort)bits);
            var expected = float.IsNaN(value) ? bits | 0x40 : bits;
            Assert.Equal(expected, BFloat16Bits.FromSingle(value));
        }
    }

    /// <summary>The nearer neighbour, and between two equally near ones the even one.</summary>
    [Theory]
    [InlineData(0x3F800000u, 0x3F80)]
    [InlineData(0x3F807FFFu, 0x3F80)]
    [InlineData(0x3F808000u, 0x3F80)]
    [InlineData(0x3F808001u, 0x3F81)]
    [InlineData(0x3F817FFFu, 0x3F81)]
    [InlineData(0x3F818000u, 0x3F82)]
    [InlineData(0xBF818000u, 0xBF82)]
    [InlineData(0x7F7FFFFFu, 0x7F80)]
    [InlineData(0x7F800000u, 0x7F80)]
    [InlineData(0x7F800001u, 0x7FC0)]
    [InlineData(0xFFFFFFFFu, 0xFFFF)]
    [InlineData(0x00000001u, 0x0000)]
    [InlineData(0x80000000u, 0x8000)]
    public void FromSingle_BetweenNeighbours_RoundsToNearestEven(uint bits, ushort expected) =>
        Assert.Equal(expected, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(bits)));
}
