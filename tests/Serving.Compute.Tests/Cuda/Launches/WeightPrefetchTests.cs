using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Launches;
using Serving.Compute.Tests.Cuda.Kernels;

namespace Serving.Compute.Tests.Cuda.Launches;

/// <summary>What is asked for of a weight ahead of its product: never more than the weight, in lines, the fronts of all parts.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class WeightPrefetchTests
{
    private const int LineBytes = 128;

    [Theory]
    [InlineData(4096, 4096, 1, 24 << 20, 48)]
    [InlineData(4096, 4096, 2, 24 << 20, 24)]
    [InlineData(4096, 4096, 1, 1L << 30, 64)]
    [InlineData(128256, 4096, 1, 24 << 20, 1)]
    [InlineData(100, 64, 1, 1 << 20, 1)]
    [InlineData(7, 200, 3, 1 << 20, 1)]
    public void Parameters_AnyWeight_AreTheFrontsOfItsParts(int rows, int stride, int splits, long bytes, int lines)
    {
        var parameters = WeightPrefetch.Parameters(new MatmulWeight(4096, rows, stride), splits, bytes);
        Assert.Equal((4096ul, rows, 2 * stride, splits, lines), (parameters.Weight, parameters.Rows, parameters.RowBytes, parameters.Segments, parameters.Lines));
        Assert.InRange(parameters.Lines * LineBytes, LineBytes, parameters.SegmentBytes);
        Assert.InRange((parameters.Segments - 1) * parameters.SegmentBytes + (parameters.Lines * LineBytes), 1, parameters.RowBytes);
    }

    /// <summary>The emulator's bounds hold for what is asked for: every line lies in the weight, to its last.</summary>
    [Theory]
    [InlineData(5, 192, 1, 3)]
    [InlineData(9, 256, 2, 1)]
    [InlineData(300, 64, 1, 2)]
    public void Prefetch_AnyGrid_StaysInTheWeight(int rows, int stride, int splits, int blocks)
    {
        using var session = new KernelSession();
        var weight = new MatmulWeight(session.Upload<ushort>(new ushort[rows * stride]), rows, stride);
        session.Launch("srv_prefetch", new CudaGrid(blocks), 256, 0, WeightPrefetch.Parameters(weight, splits, 1L << 30));
    }

    /// <summary>Between every two products: asked for behind one, awaited before the next; nothing before the first or behind the last.</summary>
    [Fact]
    public void Between_Products_StandRoundEachOther()
    {
        MatmulLaunch Product(ulong weight) => new(null!, new MatmulWeight(weight, 1, 64), 0, 0, ofOutputs: false);
        var (first, second, third, end) = (Product(1), Product(2), Product(3), new PrefetchJoin(null!));
        var works = WeightPrefetch.Between([end, first, end, second, third, end], null!, null!, 1, 1).ToList();
        Assert.Equal([end, first], works.Take(2));
        Assert.Same(second, Assert.IsType<WeightPrefetch>(works[2]).Next);
        Assert.Same(end, works[3]);
        Assert.IsType<PrefetchJoin>(works[4]);
        Assert.Same(second, works[5]);
        Assert.Same(third, Assert.IsType<WeightPrefetch>(works[6]).Next);
        Assert.IsType<PrefetchJoin>(works[7]);
        Assert.Equal([third, end], works.Skip(8));
    }
}
