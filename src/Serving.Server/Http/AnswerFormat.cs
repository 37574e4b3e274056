using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>How parts of an answer are written on the wire.</summary>
internal static class AnswerFormat
{
    /// <summary>The wire's word for why a choice ended.</summary>
    public static string? Word(GenerationEvent happened) => happened.FinishReason switch
    {
        null => null,
        FinishReason.Stop => happened.CallsTools ? "tool_calls" : "stop",
        FinishReason.Length => "length",
        _ => "error",
    };

    /// <summary>The stop string or token id that ended a choice.</summary>
    public static EndedBy? Stop(object? reason) => reason switch
    {
        string text => new EndedBy(text, 0),
        int token => new EndedBy(null, token),
        _ => null,
    };

    /// <summary>Token counts of one or more prompts.</summary>
    public static UsageInfo Total(IEnumerable<GenerationUsage> parts)
    {
        var (prompt, completion, cached, reasoning) = (0, 0, 0, 0);
        List<PromptModuleUsage>? modules = null;
        foreach (var part in parts)
        {
            prompt += part.PromptTokens;
            completion += part.CompletionTokens;
            cached += part.CachedTokens;
            reasoning += part.ReasoningTokens;
            if (part.Modules is { } imported)
            {
                (modules ??= []).AddRange(imported.Select(module => new PromptModuleUsage(module.Path, module.Tokens, module.CachedTokens)));
            }
        }

        return new UsageInfo
        {
            PromptTokens = prompt,
            CompletionTokens = completion,
            TotalTokens = prompt + completion,
            CompletionTokensDetails = reasoning > 0 ? new CompletionTokensDetails(reasoning) : null,
            PromptTokensDetails = new PromptTokensDetails(cached, modules),
        };
    }
}
