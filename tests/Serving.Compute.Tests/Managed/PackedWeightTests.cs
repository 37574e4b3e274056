using Serving.Compute.Managed.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Tests.Managed.Kernels;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Managed;

public sealed unsafe class PackedWeightTests
{
    /// <summary>Rows come back as they went in, whatever pieces they were loaded in.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(97, 64, 7)]
    [InlineData(64, 33, 64)]
    [InlineData(130, 16, 40)]
    public void Load_InPieces_ReadsBack(int rows, int columns, int piece)
    {
        var values = TestProgram.Normal(new Random(rows), rows * columns, 1);
        using var weight = new PackedWeight(new WeightSpec(0, "w", rows, columns, WeightKind.Embedding, []), new RowQuantizer(1));
        for (var row = 0; row < rows; row += piece)
        {
            weight.Load(row, values.AsSpan(row * columns, Math.Min(piece, rows - row) * columns));
        }

        using var read = new NativeBuffer<float>(columns);
        for (var row = 0; row < rows; row++)
        {
            weight.ReadRow(row, read.Pointer);
            Assert.Equal(values.Skip(row * columns).Take(columns).Select(value => (double)BFloat16Bits.ToSingle(value)), read.ToDoubles());
        }
    }

    [Fact]
    public void Load_VectorInPieces_IsWidened()
    {
        var values = TestProgram.Normal(new Random(1), 45, 1);
        using var weight = new PackedWeight(new WeightSpec(0, "w", 1, 45, WeightKind.Vector, []), new RowQuantizer(1));
        weight.Load(0, values.AsSpan(0, 20));
        weight.Load(20, values.AsSpan(20));
        for (var i = 0; i < 64; i++)
        {
            Assert.Equal(i < 45 ? BFloat16Bits.ToSingle(values[i]) : 0, weight.Vector[i]);
        }
    }

    [Theory]
    [InlineData(32, 10, WeightKind.Matrix, 640)]
    [InlineData(33, 10, WeightKind.Matrix, 1280)]
    [InlineData(1, 33, WeightKind.Vector, 256)]
    public void BytesOf_AnyWeight_CountsPadding(int rows, int columns, WeightKind kind, long bytes) =>
        Assert.Equal(bytes, PackedWeight.BytesOf(new WeightSpec(0, "w", rows, columns, kind, [])));
}
