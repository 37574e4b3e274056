using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment.Observability;

/// <summary>The alerts are good rules, ask for what the daemon shows, have been tried, and say what to do.</summary>
public sealed partial class AlertRulesTests(EmittedMetrics emitted) : IClassFixture<EmittedMetrics>
{
    private static readonly string Tests = File.ReadAllText(Path.Combine(AlertRules.Folder, "rules.test.yml"));

    public static TheoryData<string> Expressions() => [.. AlertRules.All.Select(rule => rule["expr"].Text)];

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Expression_OfARule_NamesOnlyWhatIsEmitted(string expression) => Assert.Empty(emitted.Missing(expression, AlertRules.Recorded));

    [Theory]
    [InlineData("serving_no_such_metric > 0", "no series serving_no_such_metric")]
    [InlineData("rate(serving_request_failures_total{error=\"no_such_error\"}[5m])", "has error=no_such_error")]
    [InlineData("sum by (tenant) (vllm:num_requests_running)", "has tenant")]
    [InlineData("vllm:inter_token_latency_seconds_bucket{le=\"0.33\"}", "has le=0.33")]
    [InlineData("grpc_server_handled_total{grpc_code=\"INTERNAL\"}", "has grpc_code=INTERNAL")]
    public void Expression_OfWhatIsNotEmitted_IsFound(string expression, string missing) =>
        Assert.Contains(missing, Assert.Single(emitted.Missing(expression, AlertRules.Recorded)), StringComparison.Ordinal);

    [Fact]
    public async Task Promtool_RulesAndTheirTests_Pass()
    {
        var promtool = Tool.Require("promtool");

        var (code, output) = await Tool.RunAsync(promtool, AlertRules.Folder, "check", "rules", "rules.yml");
        Assert.True(code == 0, output);
        (code, output) = await Tool.RunAsync(promtool, AlertRules.Folder, "test", "rules", "rules.test.yml");
        Assert.True(code == 0, output);
        (code, output) = await Tool.RunAsync(promtool, AlertRules.Folder, "check", "config", "--syntax-only", "prometheus.yml");
        Assert.True(code == 0, output);
    }

    [Fact]
    public void Alerts_Each_IsTriedWhereItMustFireAndWhereItMustNot()
    {
        var tried = Case().Matches(Tests).Select(match => (Alert: match.Groups[1].Value, Fires: match.Groups[2].Value.Length == 0)).ToHashSet();

        Assert.All(AlertRules.Alerts.Select(rule => rule["alert"].Text), name =>
        {
            Assert.Contains((name, true), tried);
            Assert.Contains((name, false), tried);
        });
    }

    [Fact]
    public void Alerts_Each_HasASeverityAndARunbook()
    {
        var sections = File.ReadLines(Repository.PathOf("deploy", "runbooks", "README.md")).Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]).ToList();

        Assert.Equal(AlertRules.Alerts.Select(rule => rule["alert"].Text).Order(), sections.Order());
        Assert.All(AlertRules.Alerts, rule =>
        {
            Assert.Contains(rule["labels/severity"].Text, new[] { "page", "ticket" });
            Assert.Equal($"deploy/runbooks/README.md#{rule["alert"].Text.ToLowerInvariant()}", rule["annotations/runbook"].Text);
            Assert.NotEmpty(rule["annotations/summary"].Text);
        });
    }

    [GeneratedRegex("""alertname="([A-Za-z]+)",alertstate="firing"\}\)\s+eval_time: \S+\s+exp_samples:( \[\])?""")]
    private static partial Regex Case();
}
