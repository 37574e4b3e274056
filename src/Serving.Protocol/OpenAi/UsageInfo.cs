namespace Serving.Protocol.OpenAi;

/// <summary>Token counts of a request.</summary>
public sealed record UsageInfo
{
    /// <summary>Tokens of the prompt, or of all prompts.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Both together.</summary>
    public required int TotalTokens { get; init; }

    /// <summary>Tokens generated, over all choices.</summary>
    public required int CompletionTokens { get; init; }

    /// <summary>What the generated tokens were, when some were thoughts.</summary>
    public CompletionTokensDetails? CompletionTokensDetails { get; init; }

    /// <summary>Where the prompt's tokens came from.</summary>
    public required PromptTokensDetails PromptTokensDetails { get; init; }
}

/// <summary>What generated tokens were.</summary>
/// <param name="ReasoningTokens">Thoughts, marks included.</param>
public sealed record CompletionTokensDetails(int ReasoningTokens);

/// <summary>Where a prompt's tokens came from.</summary>
/// <param name="CachedTokens">Tokens whose attention states were reused.</param>
/// <param name="PromptModules">The imported modules, for a request with prompt_schema.</param>
public sealed record PromptTokensDetails(int CachedTokens, IReadOnlyList<PromptModuleUsage>? PromptModules = null);

/// <summary>What an imported module was to its request.</summary>
/// <param name="Name">Its path in the schema.</param>
/// <param name="Tokens">Tokens of its own text.</param>
/// <param name="CachedTokens">Those of them whose attention states were there already.</param>
public sealed record PromptModuleUsage(string Name, int Tokens, int CachedTokens);
