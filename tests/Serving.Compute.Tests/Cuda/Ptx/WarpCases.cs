namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Shuffles, by another distance in each lane, and votes of two warps.</summary>
internal static class WarpCases
{
    private const int Threads = 64;

    public static IEnumerable<PtxCase> All()
    {
        var input = PtxTable.Noise(2 * Threads, 3);
        for (var i = 0; i < Threads; i++)
        {
            input[(2 * i) + 1] %= 32;
        }

        // A lane takes what the other brought, whatever distance that one names.
        yield return new("ptx_shuffle_xor", Threads, input, Taken(input, (lane, by) => lane ^ by));
        yield return new("ptx_shuffle_index", Threads, input, Taken(input, (_, by) => by));
        yield return new("ptx_shuffle_down", Threads, input, Taken(input, (lane, by) => lane + by < 32 ? lane + by : lane));
        yield return new("ptx_shuffle_float", Threads, input, Taken(input, (lane, by) => lane ^ by));
        yield return new("ptx_shuffle_signed", Threads, input, [.. Taken(input, (lane, by) => lane ^ by).Select(word => (uint)((int)word / 2))]);

        foreach (var (variant, votes) in new[] { ("mixed", 0b0110u), ("first warp only", 0b0011u), ("all", 0b1111u), ("none", 0u) })
        {
            // Two bits for each warp: what its even and its odd lanes vote.
            uint[] words = [.. Enumerable.Range(0, 2 * Threads).Select(i => i % 2 == 1 ? 0 : (votes >> ((i / 64 * 2) + (i / 2 % 2))) & 1)];
            yield return new("ptx_ballot", Threads, words, Voted(votes, (even, odd) => (even ? 0x55555555u : 0) | (odd ? 0xaaaaaaaau : 0))) { Variant = variant };
            yield return new("ptx_any", Threads, words, Voted(votes, (even, odd) => even || odd ? 1u : 0)) { Variant = variant };
            yield return new("ptx_all", Threads, words, Voted(votes, (even, odd) => even && odd ? 1u : 0)) { Variant = variant };
        }
    }

    private static uint[] Taken(uint[] input, Func<int, int, int> from) =>
        [.. Enumerable.Range(0, Threads).Select(i => input[2 * ((i / 32 * 32) + from(i % 32, (int)input[(2 * i) + 1]))])];

    private static uint[] Voted(uint votes, Func<bool, bool, uint> answer) =>
        [.. Enumerable.Range(0, Threads).Select(i => answer(((votes >> (i / 32 * 2)) & 1) != 0, ((votes >> ((i / 32 * 2) + 1)) & 1) != 0))];
}
