using System.Text.Json;
using Serving.Engine;
using Serving.Server.Configuration;

namespace Serving.Server.Hosting;

/// <summary>Turns the configuration into what the engine is started with.</summary>
internal static class EngineOptionsMapper
{
    /// <summary>The engine's options; a model that is not configured is the bundled one.</summary>
    public static EngineOptions Map(ServingOptions options)
    {
        var bundled = options.Model.Model is null;
        return new EngineOptions
        {
            Model = options.Model.Model ?? BundledFiles.Find("models", "demo", "model")
                ?? throw new EngineStartException("The bundled model is not beside the program; name one with --model."),
            ServedModelName = options.Model.ServedModelName ?? (bundled ? "tiny-chat-5m" : null),
            Quantization = options.Model.Quantization,
            ToolCallParser = options.Model.ToolCallParser,
            ReasoningParser = options.Model.ReasoningParser,
            ChatTemplate = options.Model.ChatTemplate,
            DefaultTemplateArguments = options.Model.DefaultChatTemplateKwargs is { } arguments ? JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(arguments) : null,
            AdaptersRoot = options.Model.Adapters ?? (bundled ? BundledFiles.Find("models", "demo", "adapters") : null),
            Device = options.Engine.Device,
            KeyValueCacheType = options.Engine.KvCacheDtype,
            Deterministic = options.Engine.Deterministic,
            CpuInstructionSet = options.Engine.CpuIsa,
            Threads = options.Engine.Threads,
            MaxModelLength = options.Model.MaxModelLen,
            MaxSequences = options.Engine.MaxNumSeqs,
            MaxBatchedTokens = options.Engine.MaxNumBatchedTokens,
            MaxDraftTokens = options.Engine.MaxDraftTokens,
            MaxQueuedRequests = options.Engine.MaxQueuedRequests,
            PoolBytes = options.Engine.PoolSize,
            MaxResidentAdapters = options.Engine.MaxResidentAdapters,
            AdapterCacheBytes = options.Engine.AdapterCacheSize,
            AdapterLoadTimeoutSeconds = options.Engine.AdapterLoadTimeout,
            ModuleCacheBytes = options.Engine.ModuleCacheSize,
            ConstraintCacheBytes = options.Engine.ConstraintCacheSize,
            PrefixCaching = options.Engine.EnablePrefixCaching,
            SchemasRoot = options.PromptModules.PromptSchemas,
            MaxSchemas = options.PromptModules.MaxPromptSchemas,
            MaxOwnerSchemaSize = options.PromptModules.MaxTenantSchemaSize,
            MaxSchemaSize = options.PromptModules.MaxSchemaSize,
            PinnedModuleShare = options.PromptModules.MaxPinnedPercent / 100.0,
            UseGenerationConfig = options.Model.GenerationConfig == "auto",
            StreamCapacity = options.Engine.StreamCapacity,
            MaxChoices = options.Engine.MaxChoices,
            WatchdogSeconds = options.Engine.WatchdogTimeout,
        };
    }
}
