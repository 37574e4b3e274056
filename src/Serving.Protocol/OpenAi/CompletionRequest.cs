namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/completions</c>.</summary>
public sealed record CompletionRequest : GenerationFields
{
    /// <summary>A text, a list of texts, token ids, or a list of lists of token ids.</summary>
    public PromptInput? Prompt { get; init; }

    /// <summary>How many most likely tokens to report per position; 0 the chosen one only.</summary>
    public int? Logprobs { get; init; }

    /// <summary>vLLM's: score the prompt's tokens, and report this many of the likeliest at each place; not in a stream.</summary>
    public int? PromptLogprobs { get; init; }
}
