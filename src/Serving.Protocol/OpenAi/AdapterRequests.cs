using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/load_lora_adapter</c>.</summary>
public sealed record LoadAdapterRequest : IRequestBody
{
    /// <summary>The adapter's name.</summary>
    public string? LoraName { get; init; }

    /// <summary>A name or path inside the adapters' root; not given is the name's own folder.</summary>
    public string? LoraPath { get; init; }

    /// <summary>Replace one of that name.</summary>
    public bool? LoadInplace { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Body of <c>POST /v1/unload_lora_adapter</c>.</summary>
public sealed record UnloadAdapterRequest : IRequestBody
{
    /// <summary>The adapter's name.</summary>
    public string? LoraName { get; init; }

    /// <summary>vLLM's number of the adapter; has no meaning here.</summary>
    public long? LoraIntId { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}
