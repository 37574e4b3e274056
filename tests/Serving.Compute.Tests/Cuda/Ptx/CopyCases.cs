using System.Runtime.InteropServices;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Asynchronous copies: whole, in part with zeros after, and three groups in a ring.</summary>
internal static class CopyCases
{
    private const int Threads = 128;
    private const int Turns = 8;

    public static IEnumerable<PtxCase> All()
    {
        var words = PtxTable.Noise(4 * Threads, 29);
        var partial = words.ToArray();
        var bytes = MemoryMarshal.AsBytes(partial.AsSpan());
        for (var thread = 0; thread < Threads; thread++)
        {
            bytes.Slice((16 * thread) + (thread % 17), 16 - (thread % 17)).Clear();
        }

        yield return new("ptx_cp_async_16", Threads, words, partial) { SharedBytes = 16 * Threads };

        uint[] cut = [.. Enumerable.Range(0, Threads).Select(thread => (uint)(words[thread] & ((1ul << (8 * (thread % 5))) - 1)))];
        yield return new("ptx_cp_async_4", Threads, words, cut) { SharedBytes = 4 * Threads };

        var ring = PtxTable.Noise(4 * Threads * Turns, 31);
        uint[] mirrored =
        [
            .. Enumerable.Range(0, ring.Length).Select(i =>
                ring[(i / (4 * Threads) * 4 * Threads) + (4 * (Threads - 1 - (i / 4 % Threads))) + (i % 4)]),
        ];
        yield return new("ptx_cp_async_ring", Threads, ring, mirrored) { SharedBytes = 3 * 16 * Threads };
    }
}
