using System.Runtime.InteropServices;

namespace Serving.Compute.Steps;

/// <summary>
/// One output of a step: a position whose next token is sampled, or whose given next token is scored (echo with logprobs).
/// Penalties count what their entries say, and the token of <see cref="Row"/> once more where the step does not name it (<see cref="StepInputs.TokenIds"/>): it is the one output
/// that whoever made the entries could not know yet.
/// Order of sampling: logit bias, repetition penalty (prompt + output), frequency and presence (output only), the mask (a token that may not be taken has the
/// logit −∞), temperature (under 1e-5 is argmax, lowest id wins ties), min_p, top_k, top_p (keeps the token that crosses), then the inverse CDF in id order, fp32,
/// in blocks of 1,024 ids, at u = Philox4x32-10(key = seed, counter = (output index, choice index)).
/// Logprobs are the log-softmax of the raw logits, before any of this.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct SampleRow
{
    /// <summary>Largest accepted <see cref="TopLogprobs"/>.</summary>
    public const int MaxTopLogprobs = 20;

    /// <summary>Step row whose hidden state gives the logits.</summary>
    public int Row;

    /// <summary>The token to score, or -1 to sample one.</summary>
    public int TargetToken;

    /// <summary>How many most likely tokens to report with their logprobs; 0 reports the chosen one only; -1 reports no logprobs.</summary>
    public int TopLogprobs;

    /// <summary>Keep the k most likely tokens; 0 keeps all.</summary>
    public int TopK;

    /// <summary>Temperature; below 1e-5 the most likely token is taken.</summary>
    public float Temperature;

    /// <summary>Nucleus mass in (0, 1]; 1 keeps all.</summary>
    public float TopP;

    /// <summary>Keep tokens with at least this share of the most likely one's probability; 0 keeps all.</summary>
    public float MinP;

    /// <summary>Divides positive and multiplies negative logits of seen tokens; 1 is off.</summary>
    public float RepetitionPenalty;

    /// <summary>Subtracted once from the logits of tokens in the output.</summary>
    public float PresencePenalty;

    /// <summary>Subtracted per occurrence from the logits of tokens in the output.</summary>
    public float FrequencyPenalty;

    /// <summary>First of this row's entries in <see cref="StepInputs.Penalties"/>.</summary>
    public int FirstPenalty;

    /// <summary>Number of this row's penalty entries; 0 when all penalties are off, as a sequence under penalties has seen its prompt at least.</summary>
    public int PenaltyCount;

    /// <summary>First of this row's entries in <see cref="StepInputs.Biases"/>.</summary>
    public int FirstBias;

    /// <summary>Number of this row's bias entries.</summary>
    public int BiasCount;

    /// <summary>First of this row's words in <see cref="StepInputs.Masks"/>; rows may share them.</summary>
    public int FirstMask;

    /// <summary>Number of this row's mask words: one per 32 tokens of the vocabulary, the last one begun counted; 0 when every token may be taken.</summary>
    public int MaskWords;

    /// <summary>Key of the random number.</summary>
    public ulong Seed;

    /// <summary>Index of the output token within its sequence: the first counter of the random number.</summary>
    public uint OutputIndex;

    /// <summary>Index of the choice (n): the second counter of the random number.</summary>
    public uint ChoiceIndex;
}

/// <summary>A token that a sequence has seen: every distinct token of prompt and output once.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PenaltyToken
{
    /// <summary>Token id.</summary>
    public int Token;

    /// <summary>Occurrences in the output; 0 when it is in the prompt only.</summary>
    public int OutputCount;
}

/// <summary>A value added to one token's logit.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TokenBias
{
    /// <summary>Token id.</summary>
    public int Token;

    /// <summary>Added to the logit.</summary>
    public float Bias;
}
