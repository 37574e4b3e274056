using System.Text.Json;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/chat/completions</c>.</summary>
public sealed record ChatCompletionRequest : GenerationFields
{
    /// <summary>The conversation: a list of messages, handed to the model's template.</summary>
    public JsonElement? Messages { get; init; }

    /// <summary>Most tokens to generate per choice; goes before max_tokens.</summary>
    public int? MaxCompletionTokens { get; init; }

    /// <summary>Report the logprobs of the generated tokens.</summary>
    public bool? Logprobs { get; init; }

    /// <summary>How many most likely tokens to report per position; needs logprobs.</summary>
    public int? TopLogprobs { get; init; }

    /// <summary>vLLM's: score the prompt's tokens, and report this many of the likeliest at each place; not in a stream.</summary>
    public int? PromptLogprobs { get; init; }

    /// <summary>The functions and custom tools that the answer may call.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>"none", "auto", "required", or an object that names a tool.</summary>
    public JsonElement? ToolChoice { get; init; }

    /// <summary>Whether the answer may make several calls; false: it ends with the first.</summary>
    public bool? ParallelToolCalls { get; init; }

    /// <summary>How much to think before answering: OpenAI's words, as far as the model's template knows them.</summary>
    public string? ReasoningEffort { get; init; }

    /// <summary>How many tokens the thoughts may have, as vLLM names it.</summary>
    public int? ThinkingTokenBudget { get; init; }

    /// <summary>The same, as llama.cpp names it; -1 is as many as there come.</summary>
    public int? ThinkingBudgetTokens { get; init; }

    /// <summary>Whether thoughts are given; they are generated and counted in any case.</summary>
    public bool? IncludeReasoning { get; init; }

    /// <summary>Whether the template opens the assistant's turn.</summary>
    public bool? AddGenerationPrompt { get; init; }

    /// <summary>Extra variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }
}
