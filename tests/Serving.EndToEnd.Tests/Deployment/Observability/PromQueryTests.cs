namespace Serving.EndToEnd.Tests.Deployment.Observability;

public sealed class PromQueryTests
{
    [Theory]
    [InlineData("up == 0", "up", "")]
    [InlineData("sum by (job, namespace) (rate(a_total{x=\"1\"}[5m])) / 2e3", "a_total", "job namespace x")]
    [InlineData("sum(rate(vllm:a_total[5m])) by (le) > 0.1 * b", "vllm:a_total b", "le")]
    [InlineData("a / on (job) group_left () b and c unless d", "a b c d", "job")]
    [InlineData("topk(20, sum by (adapter) (a{instance=~\"$instance\"}))", "a", "adapter instance")]
    [InlineData("rate(a[$__rate_interval]) or 0 * absent(b{c=\"d e(f)\",g!~\"h|i\"})", "a b", "c g")]
    public void Read_Expression_FindsNamesAndNothingElse(string expression, string metrics, string labels)
    {
        var query = new PromQuery(expression);

        Assert.Equal(metrics, string.Join(' ', query.Metrics));
        Assert.Equal(labels, string.Join(' ', query.Labels.Select(use => use.Label)));
    }
}
