namespace Serving.Server.Configuration;

/// <summary>
/// Everything that can be configured, with its defaults. Each property is declared once more, with its name, range and explanation, in
/// <see cref="ConfigurationKeys"/>; file, environment and command line all follow from there.
/// </summary>
internal sealed class ServingOptions
{
    /// <summary>What is served.</summary>
    public ModelOptions Model { get; } = new();

    /// <summary>Where and how it listens.</summary>
    public ServerOptions Server { get; } = new();

    /// <summary>gRPC.</summary>
    public GrpcOptions Grpc { get; } = new();

    /// <summary>What computes, and how much at once.</summary>
    public ComputeOptions Engine { get; } = new();

    /// <summary>What prompts import.</summary>
    public PromptModuleOptions PromptModules { get; } = new();

    /// <summary>Who may use it.</summary>
    public TenancyOptions Tenancy { get; } = new();

    /// <summary>What it writes down of what tenants use.</summary>
    public UsageOptions Usage { get; } = new();

    /// <summary>What it tells about itself.</summary>
    public TelemetryOptions Telemetry { get; } = new();
}

/// <summary>What is served.</summary>
internal sealed class ModelOptions
{
    /// <summary>Model folder or org/name; null is the bundled model.</summary>
    public string? Model { get; set; }

    /// <summary>The base's name in the API; null is the folder's name.</summary>
    public string? ServedModelName { get; set; }

    /// <summary>Root of the adapters; null is the bundled ones with the bundled model, none otherwise.</summary>
    public string? Adapters { get; set; }

    /// <summary>auto, none, int8 or int4.</summary>
    public string Quantization { get; set; } = "auto";

    /// <summary>auto, hermes, mistral, llama3_json or none.</summary>
    public string ToolCallParser { get; set; } = "auto";

    /// <summary>auto, granite, mistral, deepseek_r1 or none.</summary>
    public string ReasoningParser { get; set; } = "auto";

    /// <summary>auto or none.</summary>
    public string GenerationConfig { get; set; } = "auto";

    /// <summary>File of the chat template; null is the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>Variables that the chat template has unless a request sets them, a JSON object; null is none.</summary>
    public string? DefaultChatTemplateKwargs { get; set; }

    /// <summary>Longest context in tokens; null is min(config, pool, 8,192).</summary>
    public int? MaxModelLen { get; set; }
}

/// <summary>Where and how it listens.</summary>
internal sealed class ServerOptions
{
    /// <summary>Address to bind.</summary>
    public string Host { get; set; } = "127.0.0.1";

    /// <summary>TCP port; 0 takes a free one.</summary>
    public int Port { get; set; } = 8000;

    /// <summary>Serve without keys beyond loopback.</summary>
    public bool AllowAnonymous { get; set; }

    /// <summary>Largest body, bytes.</summary>
    public long MaxBodySize { get; set; } = 4L << 20;

    /// <summary>Open connections at most.</summary>
    public int MaxConnections { get; set; } = 4096;

    /// <summary>Seconds that an idle connection is kept.</summary>
    public int KeepAliveTimeout { get; set; } = 130;

    /// <summary>Seconds within which a request's headers must have arrived.</summary>
    public int HeaderTimeout { get; set; } = 30;

    /// <summary>Bytes per second that a client must read and send at least.</summary>
    public int MinDataRate { get; set; } = 240;

    /// <summary>Seconds after which a stream whose client takes nothing more is cut off.</summary>
    public int StallTimeout { get; set; } = 30;

    /// <summary>Seconds after which a stream that waits for its first token says so.</summary>
    public int PingInterval { get; set; } = 15;

    /// <summary>Seconds that running requests get to finish at shutdown.</summary>
    public int DrainTimeout { get; set; } = 30;

    /// <summary>Prompts of one completion request.</summary>
    public int MaxPrompts { get; set; } = 32;

    /// <summary>Bytes for responses that are kept; 0 keeps none.</summary>
    public long ResponseStoreSize { get; set; } = 64L << 20;

    /// <summary>Seconds that a response is kept after its last use.</summary>
    public int ResponseTtl { get; set; } = 86400;

    /// <summary>Responses of one tenant that are under way in the background; 0 takes none.</summary>
    public int MaxBackgroundResponses { get; set; } = 64;
}

/// <summary>gRPC, on a port of its own; address, limits and timeouts are those of <see cref="ServerOptions"/>.</summary>
internal sealed class GrpcOptions
{
    /// <summary>Whether it is served.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>TCP port that speaks HTTP/2 without TLS; 0 takes a free one.</summary>
    public int Port { get; set; } = 8001;

    /// <summary>Calls on one connection at once.</summary>
    public int MaxStreams { get; set; } = 128;

    /// <summary>Seconds of silence after which a client is asked whether it is there.</summary>
    public int KeepAlivePing { get; set; } = 30;
}

/// <summary>What computes, and how much at once.</summary>
internal sealed class ComputeOptions
{
    /// <summary>auto, cpu, cuda, cuda:N, cuda:N,M, cuda:N-M or managed.</summary>
    public string Device { get; set; } = "auto";

    /// <summary>On a GPU: the same bits whatever else is in the batch.</summary>
    public bool Deterministic { get; set; }

    /// <summary>auto, avx2, avx512, avx512-bf16 or amx; amx-emulated is for tests.</summary>
    public string CpuIsa { get; set; } = "auto";

    /// <summary>Threads that compute; 0 takes what the machine offers.</summary>
    public int Threads { get; set; }

    /// <summary>Sequences that run at once.</summary>
    public int MaxNumSeqs { get; set; } = 64;

    /// <summary>Tokens computed per step; null is 256 on a CPU and 2,048 on a GPU.</summary>
    public int? MaxNumBatchedTokens { get; set; }

    /// <summary>auto, bf16 or int8.</summary>
    public string KvCacheDtype { get; set; } = "auto";

    /// <summary>Tokens guessed ahead per sequence and step at most; null is 15 on a CPU and 0 on a GPU.</summary>
    public int? MaxDraftTokens { get; set; }

    /// <summary>Requests waiting at most.</summary>
    public int MaxQueuedRequests { get; set; } = 1024;

    /// <summary>Bytes of the page pool; null is a quarter of the free memory.</summary>
    public long? PoolSize { get; set; }

    /// <summary>Adapters resident at once at most.</summary>
    public int MaxResidentAdapters { get; set; } = 1024;

    /// <summary>Bytes of host memory for adapters as the device takes them; on a GPU pinned, and taken at start.</summary>
    public long AdapterCacheSize { get; set; } = 1L << 30;

    /// <summary>Seconds within which an adapter's files must have been read.</summary>
    public int AdapterLoadTimeout { get; set; } = 60;

    /// <summary>Bytes of host memory for copies of prompt modules.</summary>
    public long ModuleCacheSize { get; set; } = 1L << 30;

    /// <summary>Bytes of host memory for compiled constraints of structured outputs.</summary>
    public long ConstraintCacheSize { get; set; } = 256L << 20;

    /// <summary>Reuse the pages of equal prompt beginnings.</summary>
    public bool EnablePrefixCaching { get; set; } = true;

    /// <summary>Events kept per request for a reader that is behind.</summary>
    public int StreamCapacity { get; set; } = 4096;

    /// <summary>Largest accepted n.</summary>
    public int MaxChoices { get; set; } = 8;

    /// <summary>Seconds without a finished step after which the engine counts as dead.</summary>
    public int WatchdogTimeout { get; set; } = 60;
}

/// <summary>What prompts import.</summary>
internal sealed class PromptModuleOptions
{
    /// <summary>Folder of schemas; null is none.</summary>
    public string? PromptSchemas { get; set; }

    /// <summary>Schemas of one tenant.</summary>
    public int MaxPromptSchemas { get; set; } = 256;

    /// <summary>Characters of one tenant's schemas.</summary>
    public long MaxTenantSchemaSize { get; set; } = 8L << 20;

    /// <summary>Characters of all schemas.</summary>
    public long MaxSchemaSize { get; set; } = 64L << 20;

    /// <summary>Percent of the pool for pinned modules.</summary>
    public int MaxPinnedPercent { get; set; } = 25;
}

/// <summary>Who may use it.</summary>
internal sealed class TenancyOptions
{
    /// <summary>File of tenants; null is none.</summary>
    public string? Tenants { get; set; }

    /// <summary>Keys of the tenant "default", who is an admin.</summary>
    public IReadOnlyList<string> ApiKey { get; set; } = [];

    /// <summary>Secret from which the tenants' salts are derived; null draws one.</summary>
    public string? Secret { get; set; }

    /// <summary>File that holds the secret.</summary>
    public string? SecretFile { get; set; }

    /// <summary>Seconds between looks at the file of tenants.</summary>
    public int ReloadInterval { get; set; } = 5;

    /// <summary>Concurrent requests of a tenant without limits of its own.</summary>
    public int MaxConcurrentRequests { get; set; } = 1024;

    /// <summary>Tokens in flight of a tenant without limits of its own.</summary>
    public long MaxTokensInFlight { get; set; } = 16L << 20;

    /// <summary>max_requests_per_minute; 0 is without limit.</summary>
    public long MaxRequestsPerMinute { get; set; }

    /// <summary>max_tokens_per_minute; 0 is without limit.</summary>
    public long MaxTokensPerMinute { get; set; }
}

/// <summary>What it writes down of what tenants use.</summary>
internal sealed class UsageOptions
{
    /// <summary>File that each ended request's usage is appended to; null is none.</summary>
    public string? File { get; set; }

    /// <summary>Bytes after which the file is renamed and a new one begun; 0 is never.</summary>
    public long MaxSize { get; set; } = 64L << 20;

    /// <summary>Renamed files that are kept.</summary>
    public int MaxFiles { get; set; } = 64;
}

/// <summary>What it tells about itself.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>Serve /metrics without a key.</summary>
    public bool OpenMetrics { get; set; } = true;

    /// <summary>How /metrics names adapters: names, ids, or auto: names while there is one tenant.</summary>
    public string AdapterNames { get; set; } = "auto";

    /// <summary>verbose, debug, information, warning, error or fatal.</summary>
    public string LogLevel { get; set; } = "information";

    /// <summary>File that the log is written to as well; null is none.</summary>
    public string? LogFile { get; set; }
}
