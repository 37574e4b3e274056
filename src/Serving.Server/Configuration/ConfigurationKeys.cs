using Serving.Core.Tenancy;
using Serving.Engine.Reasoning;
using Serving.Engine.ToolCalls;
using static Serving.Server.Configuration.ConfigurationKey;
using static Serving.Server.Configuration.SettingKinds;

namespace Serving.Server.Configuration;

/// <summary>The table of everything that can be configured. <c>config/serving.json</c>, the flags, the environment and --help are made from it.</summary>
internal static class ConfigurationKeys
{
    /// <summary>Every key, in the order of the file.</summary>
    public static IReadOnlyList<ConfigurationKey> All { get; } = [.. Model(), .. Server(), .. Grpc(), .. Engine(), .. PromptModules(), .. Tenancy(), .. Usage(), .. Telemetry()];

    private static IEnumerable<ConfigurationKey> Model() =>
    [
        Of("model", "model", Text, o => o.Model.Model, (o, v) => o.Model.Model = v, "Model folder, GGUF file, or org/name from the local Hugging Face cache. null: the bundled model."),
        Of("model", "served_model_name", Text, o => o.Model.ServedModelName, (o, v) => o.Model.ServedModelName = v, "Name of the base model in the API. null: the folder's, file's or repository's name."),
        Of("model", "adapters", Text, o => o.Model.Adapters, (o, v) => o.Model.Adapters = v, "Folder of LoRA adapters: NAME/ for all, TENANT/NAME/ for one. null: the bundled ones with the bundled model, none otherwise."),
        Of("model", "quantization", Choice("auto", "none", "int8", "int4"), o => o.Model.Quantization, (o, v) => o.Model.Quantization = v, "Integers to which the base model's matrices are rounded when it is loaded (on a GPU: one): int8 halves what a step reads and changes few answers, int4 nearly halves it again and changes more (embedding and output stay at int8); none keeps bf16. auto: int8 for a checkpoint or GGUF file that is quantized, on a CPU for all of it, on one GPU that need not be deterministic for the matrices that are; else none. Except under none, matrices that a checkpoint has in 4-bit integers stay at four bits, with zero points or minimums (AWQ, Q4_K) or without; so do those in MXFP4 (gpt-oss's experts). Adapters are never rounded."),
        Of("model", "tool_call_parser", Choice([.. ToolSupport.Settings]), o => o.Model.ToolCallParser, (o, v) => o.Model.ToolCallParser = v, "How the model writes calls of the functions that a chat offers: as its chat template says (auto), in the format named, or not looked for: tools are shown to the model and answers stay text (none)."),
        Of("model", "reasoning_parser", Choice([.. ReasoningSupport.Settings]), o => o.Model.ReasoningParser, (o, v) => o.Model.ReasoningParser = v, "How the model marks the thoughts that it writes before an answer to a chat: as its chat template says (auto), in the format named, or not looked for: they stay in the text (none)."),
        Of("model", "generation_config", Choice("auto", "none"), o => o.Model.GenerationConfig, (o, v) => o.Model.GenerationConfig = v, "Whether sampling defaults come from the model's generation_config.json (auto) or not (none)."),
        Of("model", "chat_template", Text, o => o.Model.ChatTemplate, (o, v) => o.Model.ChatTemplate = v, "File of a Jinja template that takes the place of the model's own, for conversations with and without tools. null: the model's."),
        Of("model", "default_chat_template_kwargs", JsonObject, o => o.Model.DefaultChatTemplateKwargs, (o, v) => o.Model.DefaultChatTemplateKwargs = v, "Variables of the chat template, a JSON object written as a text, such as {\"enable_thinking\": false}; a request's own chat_template_kwargs and reasoning_effort go before. null: none."),
        Of("model", "max_model_len", OptionalInteger(1, 16 << 20), o => o.Model.MaxModelLen, (o, v) => o.Model.MaxModelLen = v, "Longest context in tokens, prompt and output together. null: the least of the model's, the pool's and 8192."),
    ];

    private static IEnumerable<ConfigurationKey> Server() =>
    [
        Of("server", "host", Text, o => o.Server.Host, (o, v) => o.Server.Host = v!, "Address to listen on: an IP address, localhost, or * for all."),
        Of("server", "port", Integer(0, 65535), o => o.Server.Port, (o, v) => o.Server.Port = v, "TCP port for HTTP/1.1. 0: any free one."),
        Of("server", "allow_anonymous", Flag, o => o.Server.AllowAnonymous, (o, v) => o.Server.AllowAnonymous = v, "Serve without keys on addresses other than loopback, and under names other than this machine's."),
        Of("server", "max_body_size", Size(1 << 10, 32L << 20), o => o.Server.MaxBodySize, (o, v) => o.Server.MaxBodySize = v, "Largest request body, bytes."),
        Of("server", "max_connections", Integer(1, 1 << 20), o => o.Server.MaxConnections, (o, v) => o.Server.MaxConnections = v, "Open connections at most."),
        Of("server", "keep_alive_timeout", Integer(1, 86400), o => o.Server.KeepAliveTimeout, (o, v) => o.Server.KeepAliveTimeout = v, "Seconds that an idle connection is kept."),
        Of("server", "header_timeout", Integer(1, 3600), o => o.Server.HeaderTimeout, (o, v) => o.Server.HeaderTimeout = v, "Seconds within which a request's headers must have arrived."),
        Of("server", "min_data_rate", Integer(1, 1 << 20), o => o.Server.MinDataRate, (o, v) => o.Server.MinDataRate = v, "Bytes per second that a client must send and read at least, after 5 seconds of grace."),
        Of("server", "stall_timeout", Integer(1, 3600), o => o.Server.StallTimeout, (o, v) => o.Server.StallTimeout = v, "Seconds after which a stream whose client takes nothing more is cut off."),
        Of("server", "ping_interval", Integer(1, 3600), o => o.Server.PingInterval, (o, v) => o.Server.PingInterval = v, "Seconds after which a stream that waits for its first token says so, and again, so that no proxy takes it for dead."),
        Of("server", "drain_timeout", Integer(0, 86400), o => o.Server.DrainTimeout, (o, v) => o.Server.DrainTimeout = v, "Seconds that running requests get to finish at shutdown."),
        Of("server", "max_prompts", Integer(1, 1024), o => o.Server.MaxPrompts, (o, v) => o.Server.MaxPrompts = v, "Prompts of one completion request at most."),
        Of("server", "response_store_size", Size(0, 1L << 36), o => o.Server.ResponseStoreSize, (o, v) => o.Server.ResponseStoreSize = v, "Bytes of memory for answers of /v1/responses and what they answer, so that later requests can go on from them by id; whoever holds the most loses what it used longest ago. 0: none are kept."),
        Of("server", "response_ttl", Integer(1, 30 * 86400), o => o.Server.ResponseTtl, (o, v) => o.Server.ResponseTtl = v, "Seconds that such an answer is kept after its last use."),
        Of("server", "max_background_responses", Integer(0, 1 << 16), o => o.Server.MaxBackgroundResponses, (o, v) => o.Server.MaxBackgroundResponses = v, "Answers of /v1/responses that one tenant may have under way in the background, beside its other limits. 0: none are taken."),
    ];

    private static IEnumerable<ConfigurationKey> Grpc() =>
    [
        Of("grpc", "enabled", Flag, o => o.Grpc.Enabled, (o, v) => o.Grpc.Enabled = v, "Serve gRPC, at server.host and with the server's limits and timeouts; a message may be as long as a body.", "--grpc-enabled"),
        Of("grpc", "port", Integer(0, 65535), o => o.Grpc.Port, (o, v) => o.Grpc.Port = v, "TCP port for gRPC, and for the HTTP API over HTTP/2 without TLS (prior knowledge). 0: any free one.", "--grpc-port"),
        Of("grpc", "max_streams", Integer(1, 1 << 16), o => o.Grpc.MaxStreams, (o, v) => o.Grpc.MaxStreams = v, "Calls on one connection at once; a client holds back what is more.", "--grpc-max-streams"),
        Of("grpc", "keep_alive_ping", Integer(1, 86400), o => o.Grpc.KeepAlivePing, (o, v) => o.Grpc.KeepAlivePing = v, "Seconds of silence after which a client is asked whether it is still there; 20 later it counts as gone.", "--grpc-keep-alive-ping"),
    ];

    private static IEnumerable<ConfigurationKey> Engine() =>
    [
        Of("engine", "device", Device, o => o.Engine.Device, (o, v) => o.Engine.Device = v, "What computes: an NVIDIA GPU (cuda, cuda:1), several that each hold a part of the model (cuda:0,1 or cuda:0-3; NCCL), the native CPU library (cpu), managed code (managed), or the best there is (auto)."),
        Of("engine", "deterministic", Flag, o => o.Engine.Deterministic, (o, v) => o.Engine.Deterministic = v, "On a GPU: the same bits whatever else is in the batch, at some cost. CPUs always give them."),
        Of("engine", "cpu_isa", Choice("auto", "avx2", "avx512", "avx512-bf16", "amx", "amx-emulated"), o => o.Engine.CpuIsa, (o, v) => o.Engine.CpuIsa = v, "Instruction set of the CPU library."),
        Of("engine", "threads", Integer(0, 1024), o => o.Engine.Threads, (o, v) => o.Engine.Threads = v, "Threads that compute. 0: what the machine offers."),
        Of("engine", "kv_cache_dtype", Choice("auto", "bf16", "int8"), o => o.Engine.KvCacheDtype, (o, v) => o.Engine.KvCacheDtype = v, "How keys and values are kept: as the model computes them (bf16, which auto is), or rounded to integers of eight bits, a scale for every token and head (int8): little more than half the bytes, so that a pool holds almost twice the tokens, and long contexts are read faster; few answers change."),
        Of("engine", "max_num_seqs", Integer(1, 4096), o => o.Engine.MaxNumSeqs, (o, v) => o.Engine.MaxNumSeqs = v, "Sequences that run at once at most."),
        Of("engine", "max_num_batched_tokens", OptionalInteger(16, 1 << 16), o => o.Engine.MaxNumBatchedTokens, (o, v) => o.Engine.MaxNumBatchedTokens = v, "Tokens computed per step at most. null: 256 on a CPU, 2048 on a GPU."),
        Of("engine", "max_draft_tokens", OptionalInteger(0, 63), o => o.Engine.MaxDraftTokens, (o, v) => o.Engine.MaxDraftTokens = v, "Tokens guessed ahead per sequence and step at most, from what its text repeats and what its constraint demands, and computed beside the next one where that costs less than it brings. Answers stay the same, bit for bit. 0: none. null: 15 on a CPU, 0 on a GPU, where it is not done."),
        Of("engine", "max_queued_requests", Integer(1, 1 << 20), o => o.Engine.MaxQueuedRequests, (o, v) => o.Engine.MaxQueuedRequests = v, "Requests waiting at most; more are answered 429."),
        Of("engine", "pool_size", OptionalSize(1L << 20, 1L << 44), o => o.Engine.PoolSize, (o, v) => o.Engine.PoolSize = v, "Bytes of the pool of pages for attention states and adapters. null: a quarter of the free memory after the weights (up to a half of it for recurrent states), all that weights and steps leave of a GPU's. Of several GPUs: on each."),
        Of("engine", "max_resident_adapters", Integer(1, 1 << 16), o => o.Engine.MaxResidentAdapters, (o, v) => o.Engine.MaxResidentAdapters = v, "Adapters in the pool at once at most."),
        Of("engine", "adapter_cache_size", Size(0, 1L << 44), o => o.Engine.AdapterCacheSize, (o, v) => o.Engine.AdapterCacheSize = v, "Bytes of host memory for adapters read from disk, as the device takes them; on a GPU pinned, all of it at start, and no adapter may be larger."),
        Of("engine", "adapter_load_timeout", Integer(1, 3600), o => o.Engine.AdapterLoadTimeout, (o, v) => o.Engine.AdapterLoadTimeout = v, "Seconds until an adapter that has not been read from disk and prepared is answered 503, to those who wait for it; later requests try again. What was read before goes on being served."),
        Of("engine", "module_cache_size", Size(0, 1L << 44), o => o.Engine.ModuleCacheSize, (o, v) => o.Engine.ModuleCacheSize = v, "Bytes of host memory for copies of prompt modules that leave the pool, so that they come back without being computed again. 0: none."),
        Of("engine", "constraint_cache_size", Size(0, 1L << 44), o => o.Engine.ConstraintCacheSize, (o, v) => o.Engine.ConstraintCacheSize = v, "Bytes of host memory for compiled constraints of structured outputs and what was worked out for them; those used last are kept, one in any case."),
        Of("engine", "enable_prefix_caching", Flag, o => o.Engine.EnablePrefixCaching, (o, v) => o.Engine.EnablePrefixCaching = v, "Reuse the attention states of equal prompt beginnings (within one tenant and adapter)."),
        Of("engine", "stream_capacity", Integer(16, 1 << 20), o => o.Engine.StreamCapacity, (o, v) => o.Engine.StreamCapacity = v, "Events kept per request for a reader that is behind; one more and the request ends."),
        Of("engine", "max_choices", Integer(1, 64), o => o.Engine.MaxChoices, (o, v) => o.Engine.MaxChoices = v, "Largest accepted n."),
        Of("engine", "watchdog_timeout", Integer(1, 86400), o => o.Engine.WatchdogTimeout, (o, v) => o.Engine.WatchdogTimeout = v, "Seconds without a finished step, while steps are due, after which /health/live fails."),
    ];

    private static IEnumerable<ConfigurationKey> PromptModules() =>
    [
        Of("prompt_modules", "prompt_schemas", Text, o => o.PromptModules.PromptSchemas, (o, v) => o.PromptModules.PromptSchemas = v, "Folder of prompt schemas, *.pml and *.json, read at start: NAME for all, TENANT/NAME for one. null: none."),
        Of("prompt_modules", "max_prompt_schemas", Integer(0, 1 << 16), o => o.PromptModules.MaxPromptSchemas, (o, v) => o.PromptModules.MaxPromptSchemas = v, "Prompt schemas of one tenant at most; all public ones count as one tenant's. 0: none are kept."),
        Of("prompt_modules", "max_tenant_schema_size", Size(0, 1L << 32), o => o.PromptModules.MaxTenantSchemaSize, (o, v) => o.PromptModules.MaxTenantSchemaSize = v, "Characters of one tenant's prompt schemas at most; a schema counts as 4096 at least."),
        Of("prompt_modules", "max_schema_size", Size(0, 1L << 36), o => o.PromptModules.MaxSchemaSize, (o, v) => o.PromptModules.MaxSchemaSize = v, "Characters of all prompt schemas at most."),
        Of("prompt_modules", "max_pinned_percent", Integer(0, 90), o => o.PromptModules.MaxPinnedPercent, (o, v) => o.PromptModules.MaxPinnedPercent = v, "Percent of the pool that pinned prompt modules take at most."),
    ];

    private static IEnumerable<ConfigurationKey> Tenancy() =>
    [
        Of("tenancy", "tenants", Text, o => o.Tenancy.Tenants, (o, v) => o.Tenancy.Tenants = v, "File of tenants and their keys' digests (see config/tenants.json); read again when it changes. null: none."),
        OfList("tenancy", "api_key", o => o.Tenancy.ApiKey, (o, v) => o.Tenancy.ApiKey = v, "Keys of one tenant named default, who is an admin. Visible in the list of processes: a file of tenants is better."),
        Of("tenancy", "secret", Text, o => o.Tenancy.Secret, (o, v) => o.Tenancy.Secret = v, "Secret from which each tenant's cache salt is derived. null: drawn at start."),
        Of("tenancy", "secret_file", Text, o => o.Tenancy.SecretFile, (o, v) => o.Tenancy.SecretFile = v, "File that holds that secret."),
        Of("tenancy", "reload_interval", Integer(1, 86400), o => o.Tenancy.ReloadInterval, (o, v) => o.Tenancy.ReloadInterval = v, "Seconds between looks at the file of tenants."),
        Of("tenancy", "max_concurrent_requests", Integer(1, 1 << 20), o => o.Tenancy.MaxConcurrentRequests, (o, v) => o.Tenancy.MaxConcurrentRequests = v, "Concurrent requests of a tenant that has no limit of its own."),
        Of("tenancy", "max_tokens_in_flight", Long(1, 1L << 40), o => o.Tenancy.MaxTokensInFlight, (o, v) => o.Tenancy.MaxTokensInFlight = v, "Tokens in flight (prompt + n x max_tokens) of a tenant that has no limit of its own."),
        Of("tenancy", "max_requests_per_minute", Long(0, TokenBucket.MaxRate), o => o.Tenancy.MaxRequestsPerMinute, (o, v) => o.Tenancy.MaxRequestsPerMinute = v, "Requests per minute of a tenant that has no limit of its own; so many may also come at once. 0: without limit."),
        Of("tenancy", "max_tokens_per_minute", Long(0, TokenBucket.MaxRate), o => o.Tenancy.MaxTokensPerMinute, (o, v) => o.Tenancy.MaxTokensPerMinute = v, "Tokens per minute of a tenant that has no limit of its own, prompt and output, cached ones included; prompt + n x max_tokens are taken at first. 0: without limit."),
    ];

    private static IEnumerable<ConfigurationKey> Usage() =>
    [
        Of("usage", "file", Text, o => o.Usage.File, (o, v) => o.Usage.File = v, "File that a line of JSON is appended to for every ended request: tenant, model, adapter, tokens. SIGHUP opens it anew. null: none.", "--usage-file"),
        Of("usage", "max_size", Size(0, 1L << 40), o => o.Usage.MaxSize, (o, v) => o.Usage.MaxSize = v, "Bytes after which that file is renamed to FILE.N, N counting up, and a new one begun. 0: never, something else renames it and sends SIGHUP.", "--usage-max-size"),
        Of("usage", "max_files", Integer(0, 1_000_000), o => o.Usage.MaxFiles, (o, v) => o.Usage.MaxFiles = v, "Renamed files that are kept; the oldest beyond are deleted.", "--usage-max-files"),
    ];

    private static IEnumerable<ConfigurationKey> Telemetry() =>
    [
        Of("telemetry", "open_metrics", Flag, o => o.Telemetry.OpenMetrics, (o, v) => o.Telemetry.OpenMetrics = v, "Serve /metrics without a key."),
        Of("telemetry", "adapter_names", Choice("auto", "names", "ids"), o => o.Telemetry.AdapterNames, (o, v) => o.Telemetry.AdapterNames = v, "How /metrics names adapters: as requests name them (names), so that a gateway's endpoint picker can send requests to where their adapter is; by ids that tell nothing of tenants and differ from start to start (ids); names while there is one tenant (auto)."),
        Of("telemetry", "log_level", Choice("verbose", "debug", "information", "warning", "error", "fatal"), o => o.Telemetry.LogLevel, (o, v) => o.Telemetry.LogLevel = v, "Least severe entries that are logged."),
        Of("telemetry", "log_file", Text, o => o.Telemetry.LogFile, (o, v) => o.Telemetry.LogFile = v, "File that the log is written to besides the console, one per day. null: none."),
    ];
}
