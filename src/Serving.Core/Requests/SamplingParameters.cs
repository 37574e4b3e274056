namespace Serving.Core.Requests;

/// <summary>How the tokens of a request are chosen. Values are validated before they get here.</summary>
public sealed record SamplingParameters
{
    /// <summary>Most tokens a sequence may generate; 0 scores the prompt only.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>0 … 2; below 1e-5 is greedy.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Nucleus mass in (0, 1].</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Keep the k most likely; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep tokens with at least this share of the best one's probability; 0 keeps all.</summary>
    public float MinP { get; init; }

    /// <summary>1 is off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>0 is off.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>0 is off.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Key of the random numbers; drawn at admission when the client gave none.</summary>
    public ulong Seed { get; init; }

    /// <summary>Added to the logits of these tokens.</summary>
    public IReadOnlyList<(int Token, float Bias)> LogitBias { get; init; } = [];

    /// <summary>How many most likely tokens to report; 0 the chosen one only; -1 no logprobs.</summary>
    public int TopLogprobs { get; init; } = -1;

    /// <summary>Tokens that end a sequence: the model's end-of-sequence ids (unless ignored) and the request's stop_token_ids.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>
    /// Only tokens that a constraint allows are sampled, and which those are follows from the tokens before. The scheduler asks <see cref="Scheduling.ISchedulerSink.IsReady"/> before such
    /// a sequence gets rows, or, for one planned ahead of its last token, before what it samples counts.
    /// </summary>
    public bool IsConstrained { get; init; }

    /// <summary>Whether logits are changed by how often their token came before.</summary>
    public bool HasPenalties => RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <summary>Whether a token ends a sequence.</summary>
    public bool StopsAt(int token)
    {
        for (var i = 0; i < StopTokenIds.Count; i++)
        {
            if (StopTokenIds[i] == token)
            {
                return true;
            }
        }

        return false;
    }
}
