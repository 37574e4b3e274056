using Serving.Engine.Loading.Quantized;

namespace Serving.Engine.Tests.Loading.Quantized;

public class ElementCodesTests
{
    /// <summary>Values from the paper's table of E4M3: smallest and largest subnormal, smallest normal, one, largest.</summary>
    [Theory]
    [InlineData(0x00, 0f)]
    [InlineData(0x01, 0.001953125f)]
    [InlineData(0x07, 0.013671875f)]
    [InlineData(0x08, 0.015625f)]
    [InlineData(0x38, 1f)]
    [InlineData(0x3C, 1.5f)]
    [InlineData(0x78, 256f)]
    [InlineData(0x7E, 448f)]
    [InlineData(0xB8, -1f)]
    [InlineData(0xFE, -448f)]
    public void Float8_PublishedCodes_HaveTheirValues(int code, float value) => Assert.Equal(value, ElementCodes.Float8E4M3[code]);

    [Fact]
    public void Float8_All256Codes_FollowTheDefinition()
    {
        for (var code = 0; code < 256; code++)
        {
            if (code is 0x7F or 0xFF)
            {
                Assert.True(float.IsNaN(ElementCodes.Float8E4M3[code]));
            }
            else
            {
                Assert.Equal(Float8Encoder.ValueOf((byte)code), ElementCodes.Float8E4M3[code]);
            }
        }

        Assert.True(float.IsNegative(ElementCodes.Float8E4M3[0x80]));
    }

    /// <summary>Codes of integers are the same integers as floats and as bytes, whether the last of four bits has a byte to itself or not.</summary>
    [Theory]
    [InlineData(32)]
    [InlineData(511)]
    public void Decode_ToBytes_IsDecodeToFloats(int count)
    {
        var codes = new byte[count];
        new Random(count).NextBytes(codes);
        foreach (var elements in new[] { ElementCodes.Signed8, ElementCodes.Offset8, ElementCodes.Offset4, ElementCodes.DoubledFloat4 })
        {
            var (floats, integers) = (new float[count], new sbyte[count]);
            elements.Decode(codes, floats);
            elements.Decode(codes, integers);
            Assert.Equal(floats, Array.ConvertAll(integers, integer => (float)integer));
        }
    }

    /// <summary>The library's own example: [1, 2] of eight bits is 33409; four bits worked out by hand.</summary>
    [Fact]
    public void Offset_WordsOfPackToInt32_AreTheirIntegers()
    {
        var values = new float[4];
        ElementCodes.Offset8.Decode(BitConverter.GetBytes(33409), values);
        Assert.Equal([1, 2, -128, -128], values);
        Assert.Equal(33409u, CompressedIntegerEncoder.Pack([1, 2], 1, 2, 8, alongRows: false)[0] & 0xFFFF);

        var nibbles = new float[8];
        ElementCodes.Offset4.Decode(BitConverter.GetBytes(0xFEDC_3210), nibbles);
        Assert.Equal([-8, -7, -6, -5, 4, 5, 6, 7], nibbles);
        ElementCodes.Signed8.Decode([0x80, 0xFF, 0x00, 0x7F], values);
        Assert.Equal([-128, -1, 0, 127], values);
    }
}
