using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Workload;

/// <summary>
/// Prompts of an exact number of tokens: token ids go over the wire as they are, drawn from those that ordinary words have, so that none is a special token.
/// </summary>
/// <param name="vocabulary">The ids that are drawn from.</param>
/// <param name="seed">Of what requests have in common.</param>
internal sealed class PromptTokens(IReadOnlyList<int> vocabulary, long seed)
{
    /// <summary>The ids of a request's prompt: its blocks, then its own.</summary>
    public int[] Of(PlannedRequest request)
    {
        var tokens = new int[request.PromptTokens];
        var at = 0;
        foreach (var block in request.Blocks)
        {
            Fill(tokens.AsSpan(at, Math.Min(request.BlockTokens, tokens.Length - at)), new SeededRandom(seed, block));
            at += Math.Min(request.BlockTokens, tokens.Length - at);
        }

        Fill(tokens.AsSpan(at), new SeededRandom(request.Seed));
        return tokens;
    }

    private void Fill(Span<int> tokens, SeededRandom random)
    {
        foreach (ref var token in tokens)
        {
            token = vocabulary[random.NextInt(vocabulary.Count)];
        }
    }
}
