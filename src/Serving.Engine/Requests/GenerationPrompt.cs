using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>What a request starts from.</summary>
public abstract record GenerationPrompt;

/// <summary>Plain text, encoded with the tokenizer's special tokens (completions).</summary>
public sealed record TextPrompt(string Text) : GenerationPrompt;

/// <summary>Token ids as they are.</summary>
public sealed record TokenPrompt(IReadOnlyList<int> Tokens) : GenerationPrompt;

/// <summary>A conversation, rendered by the model's chat template and encoded without adding special tokens.</summary>
/// <param name="Messages">A JSON array of messages (role, content as a string or as text parts, name, tool_calls …), validated by <c>RequestValidator</c>.</param>
/// <param name="Tools">A JSON array of tools, if any are offered.</param>
/// <param name="AddGenerationPrompt">Whether the template opens the assistant's turn.</param>
/// <param name="TemplateArguments">chat_template_kwargs: extra variables of the template.</param>
public sealed record ChatPrompt(
    JsonElement Messages,
    JsonElement? Tools = null,
    bool AddGenerationPrompt = true,
    IReadOnlyDictionary<string, JsonElement>? TemplateArguments = null) : GenerationPrompt
{
    /// <summary>Whether tools may be called, or must.</summary>
    public ToolChoice Choice { get; init; } = ToolChoice.Auto;

    /// <summary>Whether an answer may make several calls; otherwise it ends with the first.</summary>
    public bool ParallelCalls { get; init; } = true;

    /// <summary>reasoning_effort: how much the model is to think before it answers; null is as much as it does.</summary>
    public string? ReasoningEffort { get; init; }

    /// <summary>Whether the model is to think as usual if it can be told to, where nothing is said of an effort; a model that does not think answers all the same.</summary>
    public bool ThinksIfItCan { get; init; }

    /// <summary>How many tokens the thoughts may have; null is as many as max_tokens.</summary>
    public int? ThinkingBudget { get; init; }

    /// <summary>Which field demands that; null where a model whose thoughts cannot be bounded may think as it does.</summary>
    public string? ThinkingBudgetField { get; init; }

    /// <summary>The tools that the template shows to the model.</summary>
    public JsonElement? ShownTools => Choice.Kind == ToolChoiceKind.None ? null : Tools;

    /// <summary>The same as functions, which is all that models know.</summary>
    public JsonElement? ShownFunctions => ShownTools is { } tools ? CustomTools.AsFunctions(tools) : null;
}
