using Serving.Core.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>The logprob of one token, and of the most likely ones at its position.</summary>
/// <param name="Token">Token id.</param>
/// <param name="Text">Its text; characters cut by token borders appear as U+FFFD.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Logprob">Natural logarithm of its probability, from the raw logits; null for the first prompt token.</param>
/// <param name="Top">The most likely tokens, highest first; empty when none were asked for.</param>
public sealed record TokenLogprob(int Token, string Text, byte[] Bytes, float? Logprob, IReadOnlyList<TokenLogprob> Top)
{
    /// <summary>True for a special token: a completion's text is without it.</summary>
    public bool IsSpecial { get; init; }
}

/// <summary>Something that happened to one choice of a request. The last event of a choice carries a finish reason.</summary>
public sealed record GenerationEvent
{
    /// <summary>Which choice.</summary>
    public required int Choice { get; init; }

    /// <summary>New thoughts, before any of <see cref="Text"/>; may be empty.</summary>
    public string Reasoning { get; init; } = "";

    /// <summary>New content; may be empty.</summary>
    public string Text { get; init; } = "";

    /// <summary>What is new of the functions that it calls. A call that is withdrawn is content before <see cref="Text"/>.</summary>
    public IReadOnlyList<ToolCallDelta> ToolCalls { get; init; } = [];

    /// <summary>Set on the choice's last event when it calls functions.</summary>
    public bool CallsTools { get; init; }

    /// <summary>Ids of the tokens that this event covers.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>Output tokens of the choice so far, as usage counts them: a stop token and tokens whose text is held back included.</summary>
    public int OutputTokens { get; init; }

    /// <summary>Their logprobs, when asked for.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>Logprobs of the prompt's tokens, on the first event of each choice of a request with prompt_logprobs; the first token has none.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>True for the echoed prompt, the first event of each choice of a request with echo.</summary>
    public bool IsPrompt { get; init; }

    /// <summary>The prompt's embedding: on the last event of a request to embed that did not fail.</summary>
    public IReadOnlyList<float>? Embedding { get; init; }

    /// <summary>Set on the choice's last event.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>The stop string (string) or stop token id (int) that ended it; null for an end-of-sequence token.</summary>
    public object? StopReason { get; init; }

    /// <summary>Why it failed, when <see cref="FinishReason"/> is Failed or Cancelled.</summary>
    public RequestFailure? Failure { get; init; }
}
