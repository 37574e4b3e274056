using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Telemetry;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Telemetry;

public sealed partial class MetricsTests
{
    [Fact]
    public async Task Get_Metrics_ParsesAndHasWhatRoutersRead()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Snapshot = Busy();
        daemon.Engine.Caches = new HostCaches(Adapters: 2, AdapterBytes: 4096, Constraints: 3, ConstraintBytes: 8192, Schemas: 5);
        daemon.Engine.Statistics.CountFinished(FinishReason.Length);
        daemon.Engine.Statistics.TimeToFirstToken.Observe(0.05);

        var answer = await daemon.GetAsync("/metrics");

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Response.Content.Headers.ContentType!.ToString());
        var series = Parse(answer.Text);
        const string Labels = "model_name=\"base\",engine=\"0\"";
        Assert.Equal(3, series[$"vllm:num_requests_running{{{Labels}}}"]);
        Assert.Equal(2, series[$"vllm:num_requests_waiting{{{Labels}}}"]);
        Assert.Equal(0.24, series[$"vllm:kv_cache_usage_perc{{{Labels}}}"], 6);
        Assert.Equal(1, series[$"vllm:cache_config_info{{{Labels},block_size=\"16\",cache_dtype=\"bf16\",num_gpu_blocks=\"100\"}}"]);
        Assert.Equal(1, series[$"vllm:request_success_total{{{Labels},finished_reason=\"length\"}}"]);
        Assert.Equal(0, series[$"vllm:time_to_first_token_seconds_bucket{{{Labels},le=\"0.04\"}}"]);
        Assert.Equal(1, series[$"vllm:time_to_first_token_seconds_bucket{{{Labels},le=\"0.06\"}}"]);
        Assert.Equal(1, series[$"vllm:time_to_first_token_seconds_bucket{{{Labels},le=\"+Inf\"}}"]);
        Assert.Equal(0.05, series[$"vllm:time_to_first_token_seconds_sum{{{Labels}}}"]);
        Assert.Equal(40, series[$"serving_pages{{{Labels},state=\"free\"}}"]);
        Assert.Equal((2.0, 4096.0), (series[$"serving_adapters_in_host_memory{{{Labels}}}"], series[$"serving_adapter_host_bytes{{{Labels}}}"]));
        Assert.Equal((3.0, 8192.0), (series[$"serving_constraints_kept{{{Labels}}}"], series[$"serving_constraint_cache_bytes{{{Labels}}}"]));
        Assert.Equal(5, series[$"serving_prompt_schemas{{{Labels}}}"]);
        Assert.InRange(series["dotnet_gc_last_collection_heap_size_bytes{}"], 0, series["dotnet_gc_last_collection_memory_committed_size_bytes{}"]);
    }

    // As the Gateway API's endpoint picker reads it: the series with the largest value, its lists split at commas.
    [Fact]
    public async Task Get_Metrics_HasOneLoraSeries()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Snapshot = Busy();

        var line = Assert.Single((await daemon.GetAsync("/metrics")).Text.Split('\n'), line => line.StartsWith("vllm:lora_requests_info{", StringComparison.Ordinal));

        Assert.Contains("max_lora=\"8\"", line, StringComparison.Ordinal);
        Assert.Contains("running_lora_adapters=\"idle-one,mine\"", line, StringComparison.Ordinal);
        Assert.Contains("waiting_lora_adapters=\"coming\"", line, StringComparison.Ordinal);
        Assert.True(double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture) > 1_700_000_000);
    }

    [Fact]
    public async Task Get_MetricsOfManyTenants_ShowsOpaqueIdsOnly()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Snapshot = Busy();

        daemon.Engine.Statistics.CountRefused(new TenantId("one"), TenantLimitKind.TokensPerMinute);
        daemon.Engine.Statistics.CountRefused(new TenantId("one"), TenantLimitKind.TokensPerMinute);

        var open = (await daemon.GetAsync("/metrics")).Text;
        var admins = (await daemon.GetAsync("/metrics/tenants", "key-ops")).Text;

        Assert.Contains("running_lora_adapters=\"a1,a2\"", open, StringComparison.Ordinal);
        Assert.DoesNotContain("mine", open, StringComparison.Ordinal);
        Assert.DoesNotContain("tenant=", open, StringComparison.Ordinal);
        Assert.Contains("serving_tenant_requests_running{tenant=\"one\"} 3", admins, StringComparison.Ordinal);
        Assert.Contains("serving_tenant_refusals_total{tenant=\"one\",limit=\"tokens_per_minute\"} 2", admins, StringComparison.Ordinal);
        Assert.Contains("serving_adapter_pages{adapter=\"one/mine\",id=\"a1\",state=\"resident\"} 4", admins, StringComparison.Ordinal);
        Parse(admins);
    }

    // An endpoint picker compares these names with the model of a request: ids would send each request anywhere.
    [Fact]
    public async Task Get_MetricsOfManyTenantsByName_NamesAdaptersAsRequestsDo()
    {
        using var tenants = new TestTenants();
        var options = tenants.Options();
        options.Telemetry.AdapterNames = "names";
        await using var daemon = await TestDaemon.StartAsync(options);
        var twice = new AdapterStatus("two/mine", "a4", "resident", 4, 0, 0, 8);
        daemon.Engine.Snapshot = Busy() with { Adapters = [.. Busy().Adapters, twice] };

        var open = (await daemon.GetAsync("/metrics")).Text;

        Assert.Contains("running_lora_adapters=\"idle-one,mine\"", open, StringComparison.Ordinal);
        Assert.DoesNotContain("one/", open, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_MetricsOfOneTenantById_ShowsNoName()
    {
        var options = new ServingOptions();
        options.Telemetry.AdapterNames = "ids";
        await using var daemon = await TestDaemon.StartAsync(options);
        daemon.Engine.Snapshot = Busy();

        Assert.Contains("running_lora_adapters=\"a1,a2\",waiting_lora_adapters=\"a3\"", (await daemon.GetAsync("/metrics")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_Metrics_TellsStateLimitsAndFailures()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Snapshot = Busy();
        daemon.Engine.IsAlive = false;
        daemon.Engine.Statistics.CountFailed(RequestError.AdapterUnavailable);

        var series = Parse((await daemon.GetAsync("/metrics")).Text);

        Assert.Equal(1, series["serving_engine_state{state=\"ready\"}"]);
        Assert.Equal(Enum.GetValues<EngineState>().Length, series.Keys.Count(name => name.StartsWith("serving_engine_state{", StringComparison.Ordinal)));
        Assert.Equal(1, series.Where(pair => pair.Key.StartsWith("serving_engine_state{", StringComparison.Ordinal)).Sum(pair => pair.Value));
        Assert.Equal(0, series["serving_engine_alive{}"]);
        Assert.Equal(daemon.Options.Engine.MaxQueuedRequests, series["serving_requests_waiting_limit{}"]);
        Assert.Equal(1, series["serving_request_failures_total{model_name=\"base\",engine=\"0\",error=\"adapter_unavailable\"}"]);
        Assert.Equal(0, series["serving_request_failures_total{model_name=\"base\",engine=\"0\",error=\"slow_reader\"}"]);
        Assert.Equal(2, series["serving_adapters_resident{model_name=\"base\",engine=\"0\"}"]);
        Assert.Equal([3, 4, 5], new[] { "running", "hung", "waiting" }.Select(state => series[$"serving_adapter_disk_calls{{model_name=\"base\",engine=\"0\",state=\"{state}\"}}"]));
        Assert.Equal([6, 8, 9], new[] { "given_up", "refused", "stale" }.Select(what => series[$"serving_adapter_disk_{what}_total{{model_name=\"base\",engine=\"0\"}}"]));
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        Assert.InRange(series["process_start_time_seconds{}"], now - 86400, now);
    }

    [Fact]
    public async Task Get_MetricsWhileTheModelLoads_SaysSo()
    {
        await using var daemon = await TestDaemon.StartAsync(new ServingOptions(), started: false);

        var series = Parse((await daemon.GetAsync("/metrics")).Text);

        Assert.Equal(1, series["serving_engine_state{state=\"starting\"}"]);
        Assert.Equal(1, series["serving_engine_alive{}"]);
        Assert.DoesNotContain(series.Keys, name => name.StartsWith("vllm:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Get_Metrics_CountsAnsweredRequestsByRouteAndNotByPath()
    {
        await using var daemon = await TestDaemon.StartAsync();
        await daemon.GetAsync("/v1/models/pirate");
        await daemon.GetAsync("/v1/models/json");
        await daemon.GetAsync("/some/random/path");

        // The page may be 50 ms old; it is asked for until it is not.
        var text = "";
        while (!text.Contains("handler=\"none\"", StringComparison.Ordinal))
        {
            text = (await daemon.GetAsync("/metrics")).Text;
        }

        Assert.Contains("http_requests_total{handler=\"/v1/models/{**id}\",method=\"GET\",status=\"200\"} 2", text, StringComparison.Ordinal);
        Assert.Contains("http_requests_total{handler=\"none\",method=\"GET\",status=\"404\"} 1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("random", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Label_QuotesAndBreaks_AreEscaped() => Assert.Equal("a=\"\\\\ \\\" \\n\"", Server.Telemetry.PrometheusWriter.Label("a", "\\ \" \n"));

    private static EngineSnapshot Busy() => new()
    {
        Running = 3,
        Waiting = 2,
        TotalPages = 100,
        FreePages = 40,
        SequencePages = 20,
        CachedPages = 30,
        AdapterPages = 10,
        AdapterDisk = new AdapterDisk(Calls: 7, Hung: 4, Waiting: 5, GivenUp: 6, Refused: 8, Stale: 9),
        Adapters =
        [
            new AdapterStatus("one/mine", "a1", "resident", 4, 2, 0, 8),
            new AdapterStatus("idle-one", "a2", "resident", 4, 0, 0, 8),
            new AdapterStatus("coming", "a3", "loading", 0, 0, 1, 8),
        ],
        Tenants = [new TenantStatus("one", 3, 2, 10, 20)],
    };

    /// <summary>Series by name and labels; fails on anything that is not Prometheus' text format, or on a series written twice.</summary>
    private static Dictionary<string, double> Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var series = new Dictionary<string, double>();
        var families = new HashSet<string>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.True(families.Add(line.Split(' ')[2]), line);
                continue;
            }

            if (!line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                var match = Series().Match(line);
                Assert.True(match.Success, line);
                series.Add(match.Groups[1].Value, double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
            }
        }

        return series;
    }

    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,|(?=\})))*\}) (-?[0-9.eE+-]+)$""")]
    private static partial Regex Series();
}
