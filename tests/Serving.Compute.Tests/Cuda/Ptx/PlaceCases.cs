using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Where a thread is: ten words each, in the order of ptx.cuh.</summary>
internal static class PlaceCases
{
    private const int Threads = 96;

    public static IEnumerable<PtxCase> All()
    {
        var grid = new CudaGrid(3, 2, 4);
        var expected = new List<uint>();
        for (var (block, blocks) = (0, grid.X * grid.Y * grid.Z); block < blocks; block++)
        {
            for (var thread = 0; thread < Threads; thread++)
            {
                int[] words =
                [
                    thread, Threads, thread % 32, thread / 32, block % grid.X, block / grid.X % grid.Y, block / grid.X / grid.Y, grid.X, grid.Y, grid.Z,
                ];
                expected.AddRange(words.Select(word => (uint)word));
            }
        }

        yield return new("ptx_where", Threads, [0], [.. expected]) { Grid = grid };
    }
}
