using System.Text.Json;
using Serving.Compute;

namespace Serving.Engine;

/// <summary>Everything the engine is started with. The server fills it from configuration; each key is documented in <c>config/serving.json</c>.</summary>
public sealed record EngineOptions
{
    /// <summary>A model folder, a GGUF file, or <c>org/name</c> to look up in the local Hugging Face cache.</summary>
    public required string Model { get; init; }

    /// <summary>The base model's name in the API; null is the folder's, file's or repository's name.</summary>
    public string? ServedModelName { get; init; }

    /// <summary>
    /// none, or int8 or int4: integers to which the base model's matrices are rounded; not on several GPUs. auto: on a CPU int8 for a checkpoint that is quantized; on one GPU, unless
    /// it is to be deterministic, for the matrices that it has quantized; and none otherwise.
    /// Adapters are bf16 always.
    /// </summary>
    public string Quantization { get; init; } = "auto";

    /// <summary>auto or bf16, or int8: integers of eight bits with a scale per token and head.</summary>
    public string KeyValueCacheType { get; init; } = "auto";

    /// <summary>auto (by the chat template), a format of tool calls (hermes, llama3_json, mistral), or none: tools are shown and answers stay text.</summary>
    public string ToolCallParser { get; init; } = "auto";

    /// <summary>auto (by the chat template), a format of thoughts (deepseek_r1, granite, mistral), or none: they stay in the text.</summary>
    public string ReasoningParser { get; init; } = "auto";

    /// <summary>File of a Jinja template in the place of the model's own; null takes the model's.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Variables of the chat template for requests that do not set them; null is none.</summary>
    public IReadOnlyDictionary<string, JsonElement>? DefaultTemplateArguments { get; init; }

    /// <summary>Root folder of adapters; null serves none.</summary>
    public string? AdaptersRoot { get; init; }

    /// <summary>auto, cpu, cuda, cuda:N, cuda:N,M or cuda:N-M (several GPUs run the model together) or managed.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>On a GPU: the same bits whatever else is in the batch. CPU backends always are.</summary>
    public bool Deterministic { get; init; }

    /// <summary>auto, or an instruction set of the CPU backend (avx2, avx512, avx512-bf16, amx; amx-emulated for tests).</summary>
    public string CpuInstructionSet { get; init; } = "auto";

    /// <summary>Threads that compute; 0 takes what the machine offers.</summary>
    public int Threads { get; init; }

    /// <summary>Longest context; null is min(config, pool, 8,192).</summary>
    public int? MaxModelLength { get; init; }

    /// <summary>Sequences that run at once.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Tokens computed per step; null is 256 on a CPU, where a step stays under a second, and 2,048 on a GPU.</summary>
    public int? MaxBatchedTokens { get; init; }

    /// <summary>Requests waiting at most.</summary>
    public int MaxQueuedRequests { get; init; } = 1024;

    /// <summary>Bytes of the page pool; null is a quarter of the free memory after the weights, or up to a half where recurrent states want it.</summary>
    public long? PoolBytes { get; init; }

    /// <summary>Adapters resident at once at most.</summary>
    public int MaxResidentAdapters { get; init; } = 1024;

    /// <summary>
    /// Bytes of host memory for adapters as the device takes them: matrices for a CPU; for a GPU cells, ranks padded to 8, in pinned memory that is taken at start, all of it
    /// together for several. There an adapter that is larger than this cannot be served.
    /// </summary>
    public long AdapterCacheBytes { get; init; } = 1L << 30;

    /// <summary>Seconds until an adapter whose files have not been read and prepared counts as unavailable, for those who wait for it; it is tried again later.</summary>
    public int AdapterLoadTimeoutSeconds { get; init; } = 60;

    /// <summary>Bytes of host memory for copies of prompt modules that leave the pool; 0 keeps none.</summary>
    public long ModuleCacheBytes { get; init; } = 1L << 30;

    /// <summary>Bytes of host memory for compiled constraints and their masks, those used last; the one that came last is kept in any case.</summary>
    public long ConstraintCacheBytes { get; init; } = 256L << 20;

    /// <summary>Reuse the pages of equal prompt beginnings.</summary>
    public bool PrefixCaching { get; init; } = true;

    /// <summary>Guesses of coming tokens that a sequence may compute in a step beside its next one; null is 15 on a CPU and 0 on a GPU, where it is not done.</summary>
    public int? MaxDraftTokens { get; init; }

    /// <summary>Folder of prompt schemas; null is none.</summary>
    public string? SchemasRoot { get; init; }

    /// <summary>Prompt schemas of one tenant at most.</summary>
    public int MaxSchemas { get; init; } = 256;

    /// <summary>Characters of one tenant's prompt schemas at most.</summary>
    public long MaxOwnerSchemaSize { get; init; } = 8L << 20;

    /// <summary>Characters of all prompt schemas at most.</summary>
    public long MaxSchemaSize { get; init; } = 64L << 20;

    /// <summary>Share of the pool that pinned modules take at most.</summary>
    public double PinnedModuleShare { get; init; } = 0.25;

    /// <summary>Take sampling defaults from generation_config.json; its end-of-sequence ids are always taken.</summary>
    public bool UseGenerationConfig { get; init; } = true;

    /// <summary>Events kept per request for a reader that is behind; one more and the request ends as a slow reader.</summary>
    public int StreamCapacity { get; init; } = 4096;

    /// <summary>Largest accepted n.</summary>
    public int MaxChoices { get; init; } = 8;

    /// <summary>Seconds without a finished step, while steps are due, after which the engine counts as dead.</summary>
    public double WatchdogSeconds { get; init; } = 60;

    /// <summary>Whether a text names a device, present or not.</summary>
    public static bool IsDevice(string name) => DeviceOptions.TryParseDevice(name, out _, out _);
}
