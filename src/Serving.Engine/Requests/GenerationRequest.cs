using Serving.Core.Tenancy;

namespace Serving.Engine.Requests;

/// <summary>
/// A request as the edge hands it to the engine, HTTP and gRPC alike. Fields that are null take the model's generation defaults;
/// <c>RequestValidator</c> checks all of them. Names in failures are the OpenAI field names.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>The request's id for logs and the client (x-request-id).</summary>
    public required string Id { get; init; }

    /// <summary>Whose it is.</summary>
    public required Tenant Tenant { get; init; }

    /// <summary>The model as the client named it: the base or one of the tenant's adapters.</summary>
    public required string Model { get; init; }

    /// <summary>What it starts from.</summary>
    public required GenerationPrompt Prompt { get; init; }

    /// <summary>
    /// The schema whose modules the prompt imports: parts of the first message of a <see cref="ChatPrompt"/>, or a <see cref="TextPrompt"/> written as PML. Null for a
    /// prompt that imports none.
    /// </summary>
    public string? SchemaName { get; init; }

    /// <summary>truncate_prompt_tokens: how much of the prompt is kept; null keeps all.</summary>
    public PromptTruncation? Truncation { get; init; }

    /// <summary>Most tokens to generate per choice; null is the rest of the context.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Whether a <see cref="MaxTokens"/> that the context has no room for means as many as it has room for; otherwise it is refused.</summary>
    public bool MaxTokensMayBeCut { get; init; }

    /// <summary>Which field the client gave <see cref="MaxTokens"/> in, for messages.</summary>
    public string MaxTokensField { get; init; } = "max_tokens";

    /// <summary>Number of choices.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>temperature.</summary>
    public float? Temperature { get; init; }

    /// <summary>top_p.</summary>
    public float? TopP { get; init; }

    /// <summary>top_k; -1 and 0 are off.</summary>
    public int? TopK { get; init; }

    /// <summary>min_p.</summary>
    public float? MinP { get; init; }

    /// <summary>repetition_penalty.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>presence_penalty.</summary>
    public float? PresencePenalty { get; init; }

    /// <summary>frequency_penalty.</summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>seed; any 64-bit integer.</summary>
    public long? Seed { get; init; }

    /// <summary>logit_bias: token id to bias.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Stop strings.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>stop_token_ids.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>min_tokens: no end token and no stop token id, and no stop string, among this many tokens of an answer.</summary>
    public int MinTokens { get; init; }

    /// <summary>bad_words: texts whose tokens may not be in an answer.</summary>
    public IReadOnlyList<string> BadWords { get; init; } = [];

    /// <summary>allowed_token_ids: the only tokens that may be in an answer, one that ends it included; null is all.</summary>
    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    /// <summary>Whether any of the three above asks for something, or thoughts are bounded.</summary>
    public bool RulesTokensOut => MinTokens > 0 || BadWords.Count > 0 || AllowedTokenIds is not null || ThinkingBudget is not null;

    /// <summary>Which of them, for messages.</summary>
    public string RulesField => AllowedTokenIds is not null ? "allowed_token_ids" : BadWords.Count > 0 ? "bad_words" : MinTokens > 0 ? "min_tokens" : (Prompt as ChatPrompt)?.ThinkingBudgetField ?? "thinking";

    /// <summary>How many tokens the thoughts may have.</summary>
    public int? ThinkingBudget => (Prompt as ChatPrompt)?.ThinkingBudget;

    /// <summary>Go on past the model's end-of-sequence tokens.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>What the answer has to be; null for any text.</summary>
    public OutputConstraint? Constraint { get; init; }

    /// <summary>What the answer has to be, for the sake of the tools too.</summary>
    public OutputConstraint? EffectiveConstraint => Constraint ?? (Prompt is ChatPrompt chat ? ToolRules.Constraint(chat) : null);

    /// <summary>How many most likely tokens to report per position; 0 the chosen one only; null no logprobs.</summary>
    public int? TopLogprobs { get; init; }

    /// <summary>Which field asked for them, for messages.</summary>
    public string TopLogprobsField { get; init; } = "top_logprobs";

    /// <summary>prompt_logprobs: score the prompt's tokens, and report how many most likely ones beside each; null scores none (but for echo with logprobs).</summary>
    public int? PromptLogprobs { get; init; }

    /// <summary>Whether the prompt's tokens are scored.</summary>
    public bool ScoresPrompt => PromptLogprobs is not null || this is { Echo: true, TopLogprobs: not null };

    /// <summary>How many most likely tokens a step reports: what is reported of answers and of prompts are parts of it. -1 is no logprobs.</summary>
    public int ReportedLogprobs => Math.Max(TopLogprobs ?? -1, PromptLogprobs ?? -1);

    /// <summary>include_reasoning: give the thoughts that stand before an answer; otherwise they are generated, counted and left out.</summary>
    public bool IncludeReasoning { get; init; } = true;

    /// <summary>Give the prompt back before the completion (with its logprobs, when they are asked for).</summary>
    public bool Echo { get; init; }

    /// <summary>Embed the prompt and generate nothing, with a <see cref="MaxTokens"/> of 0; null to generate.</summary>
    public EmbeddingOptions? Embedding { get; init; }

    /// <summary>Which field the client gave the prompt in, for messages; null as a <see cref="GenerationPrompt"/> is called anyway.</summary>
    public string? PromptField { get; init; }

    /// <summary>Lower goes first among the tenant's own.</summary>
    public int Priority { get; init; }

    /// <summary>A further prompt of a client's request: that one has been counted as a request already.</summary>
    public bool IsPart { get; init; }

    /// <summary>Longest time from acceptance to the end, if the client set one.</summary>
    public TimeSpan? Timeout { get; init; }
}
