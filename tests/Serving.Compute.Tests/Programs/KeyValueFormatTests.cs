using Serving.Compute.Cuda;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

public sealed class KeyValueFormatTests
{
    /// <summary>A page of eight bits: an element a byte, and a scale of four bytes for a token's key and value of each head.</summary>
    [Theory]
    [InlineData(16, 8, 64, 2 * 1024 * 1024 / 4, (16 * 16 * 2 * 8 * 68))]
    [InlineData(32, 8, 128, 2 * 1024 * 1024, (16 * 32 * 2 * 8 * 132))]
    public void PageBytes_Int8_IsLittleMoreThanHalf(int layers, int kvHeads, int headSize, long bf16, long int8)
    {
        var shape = new ModelShape(1024, 1024, layers, kvHeads, kvHeads, headSize, 100);
        Assert.Equal(bf16, shape.PageBytes);
        Assert.Equal((int8 + ModelShape.PageGranule - 1) / ModelShape.PageGranule * ModelShape.PageGranule, (shape with { KeyValues = KeyValueFormat.Int8 }).PageBytes);
    }

    /// <summary>GPUs take them with heads of any even size, as they take bf16.</summary>
    [Fact]
    public void Supports_CudaInt8_IsTaken()
    {
        var program = TestProgram.Create(new TestShape { KeyValues = KeyValueFormat.Int8, HeadSize = 18 }).Program;
        Assert.True(CudaBackend.Supports(program, out var reason), reason);
    }
}
