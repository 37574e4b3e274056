namespace Serving.LoadTests.Client;

/// <summary>The daemon's own figures at a moment, read from <c>/metrics</c>.</summary>
/// <param name="samples">The page.</param>
internal sealed class ServerMetrics(IReadOnlyList<MetricSample> samples)
{
    private const string Running = "vllm:num_requests_running";
    private const string Waiting = "vllm:num_requests_waiting";
    private const string Pages = "serving_pages";
    private const string Resident = "process_resident_memory_bytes";
    private const string Managed = "dotnet_gc_last_collection_memory_committed_size_bytes";

    // What a report calls a counter, and its name in /metrics; vLLM's names work with vLLM too.
    private static readonly (string Name, string Metric)[] Counters =
    [
        ("adapter_loads", "serving_adapter_loads_total"),
        ("adapter_evictions", "serving_adapter_evictions_total"),
        ("adapter_load_bytes", "serving_adapter_load_bytes_total"),
        ("prefix_queries", "vllm:prefix_cache_queries_total"),
        ("prefix_hits", "vllm:prefix_cache_hits_total"),
        ("preemptions", "vllm:num_preemptions_total"),
        ("prompt_tokens", "vllm:prompt_tokens_total"),
        ("generation_tokens", "vllm:generation_tokens_total"),
        ("module_hits", "serving_prompt_module_hits_total"),
        ("module_encodes", "serving_prompt_module_encodes_total"),
        ("module_evictions", "serving_prompt_module_evictions_total"),
        ("steps", "serving_steps_total"),
        ("cpu_seconds", "process_cpu_seconds_total"),
    ];

    /// <summary>Whether nothing runs, waits or holds pages, of what the daemon shows.</summary>
    public bool IsIdle => Sum(Running) == 0 && Sum(Waiting) == 0 && SequencePages is null or 0;

    /// <summary>Whether the daemon shows all that <see cref="IsIdle"/> looks at: without it nobody can say that it has everything back.</summary>
    public bool ShowsWork => Has(Running) && Has(Waiting) && SequencePages is not null;

    /// <summary>Pages that sequences hold; null where the daemon does not say.</summary>
    public double? SequencePages
    {
        get
        {
            var pages = samples.Where(sample => sample.Name == Pages && sample.Labels.Contains("state=\"sequence\"", StringComparison.Ordinal)).ToList();
            return pages.Count == 0 ? null : pages.Sum(sample => sample.Value);
        }
    }

    /// <summary>Memory of its process that is resident; null where the daemon does not say.</summary>
    public double? ResidentBytes => Has(Resident) ? Sum(Resident) : null;

    /// <summary>Memory that its garbage collector had for objects as of the last collection; null where the daemon does not say.</summary>
    public double? ManagedBytes => Has(Managed) ? Sum(Managed) : null;

    /// <summary>Pages of all kinds that are accounted for; null where the daemon does not say.</summary>
    public double? AccountedPages => Has(Pages) ? Sum(Pages) : null;

    /// <summary>Pages of the pool; null where the daemon does not say.</summary>
    public double? TotalPages
    {
        get
        {
            const string Label = "num_gpu_blocks=\"";
            var labels = samples.FirstOrDefault(sample => sample.Name == "vllm:cache_config_info").Labels ?? "";
            var at = labels.IndexOf(Label, StringComparison.Ordinal);
            return at >= 0 && labels.IndexOf('"', at + Label.Length) is > 0 and var end && double.TryParse(labels.AsSpan(at + Label.Length, end - at - Label.Length), out var pages) ? pages : null;
        }
    }

    /// <summary>By how much its counters went up since then; those that it has.</summary>
    public SortedDictionary<string, double> Since(ServerMetrics before)
    {
        var rise = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, metric) in Counters.Where(counter => Has(counter.Metric)))
        {
            rise[name] = Sum(metric) - before.Sum(metric);
        }

        return rise;
    }

    private bool Has(string name) => samples.Any(sample => sample.Name == name);

    private double Sum(string name) => samples.Where(sample => sample.Name == name).Sum(sample => sample.Value);
}
