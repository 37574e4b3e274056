namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Wide loads and stores give every word in its place; atomics lose none.</summary>
internal static class MemoryCases
{
    private const int Threads = 256;
    private const int Counters = 4;

    public static IEnumerable<PtxCase> All()
    {
        var words = PtxTable.Noise(4 * Threads, 23);
        foreach (var kernel in new[] { "ptx_load_16", "ptx_load_16_streaming", "ptx_store_16" })
        {
            yield return new(kernel, Threads, words, words);
        }

        var pairs = words[..(2 * Threads)];
        foreach (var kernel in new[] { "ptx_load_8", "ptx_store_8" })
        {
            yield return new(kernel, Threads, pairs, pairs);
        }

        var sums = new uint[Counters];
        foreach (var word in words[..Threads])
        {
            sums[word % Counters] += word;
        }

        yield return new("ptx_atomic_add", Threads, words, sums);

        // Every thread's number stands at a ticket of its own, in whatever order they came.
        var seen = new HashSet<uint>();
        yield return new("ptx_atomic_add_old", Threads, [0], [Threads, .. Enumerable.Repeat(uint.MaxValue, Threads)])
        {
            Agrees = (expected, actual) => expected == uint.MaxValue ? actual < Threads && seen.Add(actual) : expected == actual,
        };
    }
}
