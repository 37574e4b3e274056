namespace Serving.LoadTests.Client;

/// <summary>The daemon's own figures at a moment, read from <c>/metrics</c>.</summary>
/// <param name="samples">The page.</param>
internal sealed class ServerMetrics(IReadOnlyList<MetricSample> samples)
{
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
    ];

    /// <summary>Whether requests still run or wait.</summary>
    public bool IsIdle => Sum("vllm:num_requests_running") == 0 && Sum("vllm:num_requests_waiting") == 0 && SequencePages == 0;

    /// <summary>Pages that sequences hold.</summary>
    public double SequencePages => Pages("sequence");

    /// <summary>Pages of all kinds that are accounted for; null where the daemon does not say.</summary>
    public double? AccountedPages => samples.Any(sample => sample.Name == "serving_pages") ? Sum("serving_pages") : null;

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
        foreach (var (name, metric) in Counters.Where(counter => samples.Any(sample => sample.Name == counter.Metric)))
        {
            rise[name] = Sum(metric) - before.Sum(metric);
        }

        return rise;
    }

    private double Sum(string name) => samples.Where(sample => sample.Name == name).Sum(sample => sample.Value);

    private double Pages(string state) =>
        samples.Where(sample => sample.Name == "serving_pages" && sample.Labels.Contains($"state=\"{state}\"", StringComparison.Ordinal)).Sum(sample => sample.Value);
}
