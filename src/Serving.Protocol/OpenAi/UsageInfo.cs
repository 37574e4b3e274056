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

    /// <summary>Where the prompt's tokens came from.</summary>
    public required PromptTokensDetails PromptTokensDetails { get; init; }
}

/// <summary>Where a prompt's tokens came from.</summary>
/// <param name="CachedTokens">Tokens whose attention states were reused.</param>
public sealed record PromptTokensDetails(int CachedTokens);
