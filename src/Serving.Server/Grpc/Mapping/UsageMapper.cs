using Serving.Engine.Requests;
using Serving.Protocol.V1;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Writes token counts.</summary>
internal static class UsageMapper
{
    /// <summary>The counts of a request.</summary>
    public static Usage Map(GenerationUsage usage)
    {
        var mapped = new Usage
        {
            PromptTokens = usage.PromptTokens,
            CompletionTokens = usage.CompletionTokens,
            TotalTokens = usage.PromptTokens + usage.CompletionTokens,
            CachedTokens = usage.CachedTokens,
            ReasoningTokens = usage.ReasoningTokens,
        };
        mapped.PromptModules.AddRange((usage.Modules ?? []).Select(module => new PromptModuleUsage
        {
            Name = module.Path,
            Tokens = module.Tokens,
            CachedTokens = module.CachedTokens,
        }));
        return mapped;
    }
}
