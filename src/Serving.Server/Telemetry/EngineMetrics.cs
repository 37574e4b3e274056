using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Telemetry;

namespace Serving.Server.Telemetry;

/// <summary>The engine's metrics under vLLM's names, so that its dashboards and the Gateway API's endpoint picker work, and what vLLM has no name for under our own.</summary>
internal static class EngineMetrics
{
    private const int PageTokens = 16;

    /// <summary>Writes all of them.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="engine">Of which engine.</param>
    /// <param name="names">How adapters are called.</param>
    /// <param name="now">Unix seconds: the value of the adapters' series.</param>
    public static void Write(PrometheusWriter writer, IEngineClient engine, AdapterNaming names, double now)
    {
        var (about, snapshot, statistics) = (engine.Description, engine.Snapshot, engine.Statistics);
        var labels = $"{PrometheusWriter.Label("model_name", about.ModelName)},{PrometheusWriter.Label("engine", "0")}";
        WriteGauges(writer, about, snapshot, labels);
        WriteCounters(writer, snapshot, statistics, labels);
        WriteAdapters(writer, about, snapshot, names, now);
        WriteHistograms(writer, statistics, labels);
        WriteConstraints(writer, statistics, labels);
        WriteOwn(writer, about, snapshot, labels);
        WriteCaches(writer, engine.Caches, labels);
    }

    private static void WriteGauges(PrometheusWriter writer, EngineDescription about, EngineSnapshot snapshot, string labels)
    {
        // What could not be given to a new sequence now: running sequences and the adapters they run with. Cached pages and idle adapters give way.
        var busy = snapshot.SequencePages + snapshot.Adapters.Where(adapter => adapter.Running > 0 || adapter.State == "loading").Sum(adapter => adapter.Pages);
        writer.Single("vllm:num_requests_running", "gauge", "Requests in the running batch.", labels, snapshot.Running);
        writer.Single("vllm:num_requests_waiting", "gauge", "Requests waiting.", labels, snapshot.Waiting);
        writer.Single("vllm:kv_cache_usage_perc", "gauge", "Share of the page pool that running requests hold, 0 to 1.", labels, busy / (double)Math.Max(1, snapshot.TotalPages));
        writer.Single(
            "vllm:cache_config_info",
            "gauge",
            "The page pool.",
            $"{labels},block_size=\"{PageTokens}\",cache_dtype=\"{about.KeyValues}\",num_gpu_blocks=\"{snapshot.TotalPages.ToString(CultureInfo.InvariantCulture)}\"",
            1);
    }

    private static void WriteCounters(PrometheusWriter writer, EngineSnapshot snapshot, EngineStatistics statistics, string labels)
    {
        writer.Single("vllm:prompt_tokens_total", "counter", "Prompt tokens computed or found in the cache.", labels, snapshot.PromptTokens);
        writer.Single("vllm:generation_tokens_total", "counter", "Tokens generated.", labels, snapshot.GenerationTokens);
        writer.Single("vllm:num_preemptions_total", "counter", "Preemptions.", labels, snapshot.Preemptions);
        writer.Single("vllm:spec_decode_num_draft_tokens_total", "counter", "Guesses of coming tokens computed beside the next one.", labels, snapshot.DraftedTokens);
        writer.Single("vllm:spec_decode_num_accepted_tokens_total", "counter", "Those that came true: tokens that took no step of their own.", labels, snapshot.AcceptedDrafts);
        writer.Single("vllm:prefix_cache_queries_total", "counter", "Prompt tokens looked up in the prefix cache.", labels, snapshot.PrefixCacheQueries);
        writer.Single("vllm:prefix_cache_hits_total", "counter", "Prompt tokens found there.", labels, snapshot.PrefixCacheHits);
        writer.Family("vllm:request_success_total", "counter", "Choices that ended, by reason.");
        foreach (var (reason, word) in new[] { (FinishReason.Stop, "stop"), (FinishReason.Length, "length"), (FinishReason.Cancelled, "abort"), (FinishReason.Failed, "error") })
        {
            writer.Series("vllm:request_success_total", $"{labels},{PrometheusWriter.Label("finished_reason", word)}", statistics.Finished(reason));
        }

        writer.Family("serving_request_failures_total", "counter", "Requests refused or ended early, by reason.");
        foreach (var error in Enum.GetValues<RequestError>())
        {
            writer.Series(
                "serving_request_failures_total",
                $"{labels},{PrometheusWriter.Label("error", JsonNamingPolicy.SnakeCaseLower.ConvertName(error.ToString()))}",
                statistics.Failed(error));
        }
    }

    // Exactly one series: readers take the one with the largest value. "Running" lists what is resident, for that is where a request is cheap.
    private static void WriteAdapters(PrometheusWriter writer, EngineDescription about, EngineSnapshot snapshot, AdapterNaming names, double now)
    {
        string Names(Func<AdapterStatus, bool> which) =>
            string.Join(',', snapshot.Adapters.Where(which).Select(adapter => NameOf(adapter, names)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

        writer.Single(
            "vllm:lora_requests_info",
            "gauge",
            "Adapters resident and waited for.",
            $"max_lora=\"{about.AdapterSlots.ToString(CultureInfo.InvariantCulture)}\","
                + $"{PrometheusWriter.Label("running_lora_adapters", Names(adapter => adapter.State == "resident"))},"
                + PrometheusWriter.Label("waiting_lora_adapters", Names(adapter => adapter.State != "resident")),
            now);
    }

    // Without the tenant: two tenants' adapters of one name become one, and a router that goes by it is right about one of them at least.
    private static string NameOf(AdapterStatus adapter, AdapterNaming names) =>
        names == AdapterNaming.Opaque ? adapter.OpaqueId : adapter.Name[(adapter.Name.IndexOf('/', StringComparison.Ordinal) + 1)..];

    private static void WriteHistograms(PrometheusWriter writer, EngineStatistics statistics, string labels)
    {
        writer.Histogram("vllm:time_to_first_token_seconds", "From arrival to the first token.", labels, statistics.TimeToFirstToken);
        writer.Histogram("vllm:inter_token_latency_seconds", "Between tokens of a sequence.", labels, statistics.InterTokenLatency);
        writer.Histogram("vllm:request_time_per_output_token_seconds", "Mean per output token after the first.", labels, statistics.TimePerOutputToken);
        writer.Histogram("vllm:e2e_request_latency_seconds", "From arrival to the end.", labels, statistics.EndToEnd);
        writer.Histogram("vllm:request_queue_time_seconds", "From arrival to the first step.", labels, statistics.QueueTime);
        writer.Histogram("vllm:request_prefill_time_seconds", "From the first step to the first token.", labels, statistics.PrefillTime);
        writer.Histogram("vllm:request_decode_time_seconds", "From the first token to the last.", labels, statistics.DecodeTime);
        writer.Histogram("vllm:request_prompt_tokens", "Prompt tokens per request.", labels, statistics.PromptTokens);
        writer.Histogram("vllm:request_generation_tokens", "Generated tokens per request.", labels, statistics.GenerationTokens);
        writer.Histogram("vllm:request_params_n", "n per request.", labels, statistics.Choices);
        writer.Histogram("vllm:request_params_max_tokens", "max_tokens per request.", labels, statistics.MaxTokens);
        writer.Histogram("vllm:iteration_tokens_total", "Rows per step.", labels, statistics.IterationTokens);
    }

    private static void WriteConstraints(PrometheusWriter writer, EngineStatistics statistics, string labels)
    {
        writer.Histogram("serving_constraint_compile_seconds", "Making a constraint that was not kept into an automaton.", labels, statistics.ConstraintCompileTime);
        writer.Single("serving_constraint_cache_hits_total", "counter", "Requests whose constraint had been compiled before.", labels, statistics.ConstraintCacheHits);
        writer.Histogram("serving_mask_wait_seconds", "Sequences that waited for a mask that nobody had needed before.", labels, statistics.MaskWaitTime);
    }

    private static void WriteDisk(PrometheusWriter writer, AdapterDisk disk, string labels)
    {
        writer.Family("serving_adapter_disk_calls", "gauge", "Calls to the file system of the adapters: under way, given up and still not back, waiting for a thread.");
        foreach (var (state, count) in new[] { ("running", disk.Calls - disk.Hung), ("hung", disk.Hung), ("waiting", disk.Waiting) })
        {
            writer.Series("serving_adapter_disk_calls", $"{labels},{PrometheusWriter.Label("state", state)}", count);
        }

        writer.Single("serving_adapter_disk_given_up_total", "counter", "Calls to the file system of the adapters that took longer than they may.", labels, disk.GivenUp);
        writer.Single("serving_adapter_disk_refused_total", "counter", "Calls to it that were refused, as too many of their tenant waited.", labels, disk.Refused);
        writer.Single("serving_adapter_disk_stale_total", "counter", "Times that an adapter or a list was taken as it was last seen, since the disk did not answer.", labels, disk.Stale);
    }

    private static void WriteOwn(PrometheusWriter writer, EngineDescription about, EngineSnapshot snapshot, string labels)
    {
        writer.Family("serving_pages", "gauge", "Pages of the pool by what they hold.");
        foreach (var (state, count) in new[]
        {
            ("free", snapshot.FreePages), ("sequence", snapshot.SequencePages), ("cached", snapshot.CachedPages), ("adapter", snapshot.AdapterPages), ("module", snapshot.ModulePages),
        })
        {
            writer.Series("serving_pages", $"{labels},{PrometheusWriter.Label("state", state)}", count);
        }

        writer.Single("serving_state_pages", "gauge", "Of the pages of sequences, those that hold recurrent states.", labels, snapshot.StatePages);
        writer.Single("serving_prompt_modules", "gauge", "Prompt modules in the pool.", labels, snapshot.Modules);
        writer.Single("serving_prompt_module_pages", "gauge", "Pages of the pool that they hold, each once.", labels, snapshot.ModulePages);
        writer.Single("serving_prompt_module_pinned_pages", "gauge", "Pages that pinned prompt modules take or will take.", labels, snapshot.PinnedModulePages);
        writer.Single("serving_prompt_module_host_bytes", "gauge", "Bytes of their copies in host memory.", labels, snapshot.ModuleHostBytes);
        writer.Single("serving_prompt_module_hits_total", "counter", "Imported prompt modules that were encoded already.", labels, snapshot.ModuleHits);
        writer.Single("serving_prompt_module_encodes_total", "counter", "Prompt modules encoded.", labels, snapshot.ModuleEncodes);
        writer.Single("serving_prompt_module_loads_total", "counter", "Prompt modules brought back from host memory.", labels, snapshot.ModuleLoads);
        writer.Single("serving_prompt_module_evictions_total", "counter", "Idle prompt modules evicted from the pool.", labels, snapshot.ModuleEvictions);
        writer.Single("serving_adapter_slots", "gauge", "Adapters resident at once at most.", labels, about.AdapterSlots);
        writer.Single("serving_adapters_resident", "gauge", "Adapters resident.", labels, snapshot.Adapters.Count(adapter => adapter.State == "resident"));
        writer.Single("serving_adapters_registered", "gauge", "Adapters known.", labels, snapshot.RegisteredAdapters);
        writer.Single("serving_adapter_loads_total", "counter", "Adapters loaded into the pool.", labels, snapshot.AdapterLoads);
        writer.Single("serving_adapter_evictions_total", "counter", "Idle adapters evicted.", labels, snapshot.AdapterEvictions);
        writer.Single("serving_adapter_load_bytes_total", "counter", "Bytes of adapters loaded.", labels, snapshot.AdapterLoadBytes);
        writer.Single("serving_adapter_page_waste_ratio", "gauge", "Share of the adapters' pages that holds nothing.", labels, snapshot.AdapterPageWaste);
        WriteDisk(writer, snapshot.AdapterDisk, labels);
        writer.Single("serving_steps_total", "counter", "Steps done.", labels, snapshot.Steps);
    }

    private static void WriteCaches(PrometheusWriter writer, HostCaches caches, string labels)
    {
        writer.Single("serving_adapters_in_host_memory", "gauge", "Adapters read from disk and kept as the device takes them.", labels, caches.Adapters);
        writer.Single("serving_adapter_host_bytes", "gauge", "Bytes of host memory that they take, of engine.adapter_cache_size.", labels, caches.AdapterBytes);
        writer.Single("serving_constraints_kept", "gauge", "Compiled constraints kept.", labels, caches.Constraints);
        writer.Single("serving_constraint_cache_bytes", "gauge", "About how many bytes of host memory they and their masks take, of engine.constraint_cache_size.", labels, caches.ConstraintBytes);
        writer.Single("serving_prompt_schemas", "gauge", "Prompt schemas of all tenants.", labels, caches.Schemas);
    }
}
