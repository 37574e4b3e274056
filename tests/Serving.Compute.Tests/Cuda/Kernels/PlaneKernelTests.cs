using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What ranks gather from each other, added up or put side by side.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class PlaneKernelTests
{
    /// <summary>Rows, columns, planes, blocks.</summary>
    public static TheoryData<int, int, int, int> Cases => new()
    {
        { 1, 1, 1, 1 }, { 5, 3, 2, 9 }, { 3, 100, 4, 2 }, { 70, 72, 3, 7 }, { 2, 1029, 8, 3 }, { 1, 4096, 2, 1 },
    };

    /// <summary>Planes are added in order, in fp32: the bits are those of a chain.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void SumPlanes_AnySize_IsTheChain(int rows, int columns, int planes, int blocks)
    {
        using var session = new KernelSession();
        var stride = Values.Stride(columns);
        var planeFloats = (rows * stride) + 40;
        var input = Values.Random(planes, planeFloats, 3, planes);
        var before = Values.Random(rows, columns, 1, rows);
        foreach (var accumulate in (int[])[0, 1])
        {
            var parameters = new SumPlanesParameters
            {
                Input = session.Upload<float>(input),
                Output = session.Upload<float>(before),
                PlaneStride = (ulong)planeFloats,
                RowCount = session.Upload(rows),
                Columns = columns,
                Planes = planes,
                InputStride = stride,
                OutputStride = stride,
                Accumulate = accumulate,
            };
            session.Launch("srv_sum_planes", new CudaGrid(blocks), 256, 0, parameters);
            var y = session.Download<float>(parameters.Output, rows * stride);
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var at = (row * stride) + column;
                    var sum = Enumerable.Range(1, planes - 1).Aggregate(input[at], (total, plane) => total + input[(plane * planeFloats) + at]);
                    Assert.Equal(accumulate == 1 ? before[at] + sum : sum, y[at]);
                }
            }
        }
    }

    /// <summary>The last plane holds fewer columns than the others.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void JoinPlanes_AnySize_IsSideBySide(int rows, int columns, int planes, int blocks)
    {
        using var session = new KernelSession();
        var width = Values.Stride((columns + planes - 1) / planes);
        var input = Values.Random(planes * rows, width, 3, columns);
        var parameters = new JoinPlanesParameters
        {
            Input = session.Upload<float>(input),
            Output = session.Allocate<float>(rows * Values.Stride(columns)),
            PlaneStride = (ulong)(rows * width),
            RowCount = session.Upload(rows),
            Columns = columns,
            InputStride = width,
            OutputStride = Values.Stride(columns),
        };
        session.Launch("srv_join_planes", new CudaGrid(blocks), 256, 0, parameters);
        var y = session.Download<float>(parameters.Output, rows * Values.Stride(columns));
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                Assert.Equal(input[(((column / width * rows) + row) * width) + (column % width)], y[(row * Values.Stride(columns)) + column]);
            }
        }
    }
}
