using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Vectors;

/// <summary>A case as a backend's inputs.</summary>
public static class SamplingCaseRow
{
    /// <summary>The parameters, without the ranges of penalties, biases and the mask.</summary>
    public static SampleRow ToRow(this SamplingCase test) => new()
    {
        TargetToken = test.Target,
        TopLogprobs = test.TopIds?.Count ?? 0,
        TopK = test.TopK,
        Temperature = test.Temperature,
        TopP = test.TopP,
        MinP = test.MinP,
        RepetitionPenalty = test.RepetitionPenalty,
        PresencePenalty = test.PresencePenalty,
        FrequencyPenalty = test.FrequencyPenalty,
        Seed = test.Seed,
        OutputIndex = test.OutputIndex,
        ChoiceIndex = test.ChoiceIndex,
    };

    /// <summary>The tokens seen.</summary>
    public static IReadOnlyList<PenaltyToken> ToPenalties(this SamplingCase test) =>
        [.. (test.Seen ?? []).Select(pair => new PenaltyToken { Token = pair[0], OutputCount = pair[1] })];

    /// <summary>The biases.</summary>
    public static IReadOnlyList<TokenBias> ToBiases(this SamplingCase test) =>
        [.. (test.Biases ?? []).Select(pair => new TokenBias { Token = (int)pair[0], Bias = (float)pair[1] })];

    /// <summary>The mask; empty when all tokens may be taken.</summary>
    public static uint[] ToMask(this SamplingCase test, int vocabulary) => test.Allowed is null
        ? []
        : MaskOf(vocabulary, test.Allowed.SelectMany(static range => Enumerable.Range(0, ((range[1] - range[0]) / range[2]) + 1).Select(i => range[0] + (i * range[2]))));

    /// <summary>A mask of the given tokens. The bits behind the vocabulary are set: they say nothing.</summary>
    public static uint[] MaskOf(int vocabulary, IEnumerable<int> allowed)
    {
        var words = new uint[(vocabulary + 31) / 32];
        foreach (var token in allowed)
        {
            words[token / 32] |= 1u << (token % 32);
        }

        words[^1] |= vocabulary % 32 == 0 ? 0 : uint.MaxValue << (vocabulary % 32);
        return words;
    }
}
