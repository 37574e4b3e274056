namespace Serving.Benchmarks.Cuda;

/// <summary>Requests in a closed loop: so many in flight, a new one for each that ends.</summary>
/// <param name="MaxLength">Prompts and outputs have <paramref name="MinLength"/> … so many tokens, all lengths equally often.</param>
/// <param name="MinLength">Shortest prompt and output.</param>
/// <param name="InFlight">Requests under way at once.</param>
/// <param name="FewAdapters">Adapters of the rounds that the others are held against.</param>
/// <param name="ManyAdapters">Adapters of the others; all equally popular.</param>
/// <param name="Contents">Different contents of these in host memory: many times what a processor's cache holds.</param>
/// <param name="Rank">Their rank, on q, k, v and o.</param>
/// <param name="AdapterSlots">Adapters that can be resident at once.</param>
/// <param name="Requests">Requests that end in a round.</param>
/// <param name="Rounds">Rounds of each kind, in turns.</param>
internal sealed record TrafficSize(int MinLength, int MaxLength, int InFlight, int FewAdapters, int ManyAdapters, int Contents, int Rank, int AdapterSlots, int Requests, int Rounds)
{
    /// <summary>S-LoRA's S1: prompts and outputs of 8 to 511 tokens, rank 8; the daemon's default of resident adapters.</summary>
    public static TrafficSize SLora { get; } = new(8, 511, 128, 5, 2000, 256, 8, 1024, 256, 2);

    /// <summary>Enough for loads and evictions.</summary>
    public static TrafficSize Tiny { get; } = new(2, 7, 6, 2, 12, 5, 8, 6, 14, 1);
}
