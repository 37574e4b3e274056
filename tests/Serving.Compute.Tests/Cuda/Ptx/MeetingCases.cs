using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Barriers of a block, of half of it, of a warp; a fence between blocks.</summary>
internal static class MeetingCases
{
    private const int Threads = 256;
    private const int Blocks = 40;

    public static IEnumerable<PtxCase> All()
    {
        var input = PtxTable.Noise(Threads, 1);
        var shared = Threads * sizeof(uint);
        yield return new("ptx_barrier", Threads, input, [.. Enumerable.Range(0, 3 * Threads).Select(i => input[Threads - 1 - (i % Threads)] + (uint)(i / Threads))])
        {
            SharedBytes = shared,
        };
        yield return new("ptx_barrier_part", Threads, input, [.. Mirrored(input, Threads / 2)]) { SharedBytes = shared };
        yield return new("ptx_barrier_arrive", Threads, input, [.. input.AsEnumerable().Reverse().Take(Threads / 2)]) { SharedBytes = shared };
        yield return new("ptx_warp_sync", Threads, input, [.. Mirrored(input, 32)]) { SharedBytes = shared };

        yield return new("ptx_producers", Threads, input, input);

        var words = PtxTable.Noise(Blocks, 2);
        yield return new("ptx_threadfence", 32, words, [Blocks, words.Aggregate((sum, word) => sum + word), .. words]) { Grid = new CudaGrid(Blocks) };
    }

    private static IEnumerable<uint> Mirrored(uint[] words, int part) => words.Select((_, i) => words[(i / part * part) + part - 1 - (i % part)]);
}
