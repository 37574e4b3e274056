using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Client;

namespace Serving.LoadTests.Tests.Client;

public sealed class ServerMetricsTests
{
    private const string Page = """
        # HELP vllm:num_requests_running Requests.
        # TYPE vllm:num_requests_running gauge
        vllm:num_requests_running{model_name="a } b\"",engine="0"} 2
        vllm:num_requests_waiting{engine="0"} 0 1700000000000
        vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1
        serving_pages{state="free"} 60
        serving_pages{state="sequence"} 30
        serving_pages{state="cached"} 10
        serving_adapter_loads_total 5
        serving_steps_total 1.5e3
        weird +Inf
        """;

    [Fact]
    public void Parse_APage_HasItsSamples()
    {
        var samples = PrometheusText.Parse(Page);
        Assert.Equal(9, samples.Count);
        Assert.Equal(new MetricSample("vllm:num_requests_running", "model_name=\"a } b\\\"\",engine=\"0\"", 2), samples[0]);
        Assert.Equal(double.PositiveInfinity, samples[^1].Value);
    }

    [Fact]
    public void Since_Before_IsTheRiseOfCounters()
    {
        var before = new ServerMetrics(PrometheusText.Parse(Page));
        var after = new ServerMetrics(PrometheusText.Parse(Page.Replace("loads_total 5", "loads_total 9", StringComparison.Ordinal).Replace("} 2", "} 0", StringComparison.Ordinal).Replace("\"} 30", "\"} 0", StringComparison.Ordinal)));

        Assert.Equal(4, after.Since(before)["adapter_loads"]);
        Assert.Equal(["adapter_loads", "steps"], after.Since(before).Keys);
        Assert.False(before.IsIdle);
        Assert.True(after.IsIdle);
        Assert.Equal((100.0, 100.0, 30.0), (before.TotalPages, before.AccountedPages, before.SequencePages));
        Assert.Equal(70, after.AccountedPages);
        Assert.True(before.ShowsWork);
    }

    [Theory]
    [InlineData("serving_pages{state=\"sequence\"")]
    [InlineData("vllm:num_requests_running")]
    [InlineData("vllm:num_requests_waiting")]
    public void ShowsWork_APageWithoutOneOfItsFigures_DoesNot(string figure)
    {
        var lines = Page.Split('\n').Where(line => !line.StartsWith(figure, StringComparison.Ordinal));
        Assert.False(new ServerMetrics(PrometheusText.Parse(string.Join('\n', lines))).ShowsWork);
    }

    [Fact]
    public void Parse_Mutated_NeverFails()
    {
        var (mutator, bytes, samples) = (new Mutator(14), Encoding.UTF8.GetBytes(Page), 0);
        for (var i = 0; i < 5_000; i++)
        {
            var parsed = PrometheusText.Parse(Encoding.UTF8.GetString(mutator.Mutate(bytes, bytes.Length)));
            _ = new ServerMetrics(parsed).TotalPages;
            samples += parsed.Count;
        }

        Assert.InRange(samples, 5_000, 60_000);
    }
}
