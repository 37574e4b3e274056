using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Vectors;

/// <summary>A case as a backend's inputs.</summary>
public static class SamplingCaseRow
{
    /// <summary>The parameters, without the ranges of penalties and biases.</summary>
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
}
