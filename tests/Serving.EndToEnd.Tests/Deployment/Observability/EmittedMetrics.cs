using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Protocol.V1;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment.Observability;

/// <summary>Every series that a daemon shows on <c>/metrics</c> and <c>/metrics/tenants</c> after a few requests, as a Prometheus sees them.</summary>
public sealed partial class EmittedMetrics : IAsyncLifetime
{
    /// <summary>Labels that the scrape adds.</summary>
    private static readonly string[] OfTheTarget = ["job", "instance", "namespace", "pod"];

    private static readonly HashSet<string> GrpcCodes =
        [.. EnumMember().Matches(File.ReadAllText(Repository.PathOf("src", "Serving.Server", "Front", "GrpcStatusCode.cs"))).Select(match => match.Groups[1].Value)];

    private readonly Dictionary<string, Dictionary<string, HashSet<string>>> _labels = [];

    public async ValueTask InitializeAsync()
    {
        await using var daemon = await DaemonProcess.StartAsync("--max-requests-per-minute", "2");
        using var client = daemon.CreateClient();
        foreach (var model in new[] { "tiny-chat-5m", "pirate" })
        {
            using var answer = await client.PostAsJsonAsync("/v1/completions", new { model, prompt = "x", max_tokens = 4 });
            answer.EnsureSuccessStatusCode();
        }

        // The series of constraints are there from the start, those of gRPC with the first call, whatever becomes of it.
        using var calls = new GrpcCalls(daemon.GrpcAddress);
        using var called = await calls.BeginAsync("serving.v1.InferenceService/Generate", new GenerateRequest { Text = "x", MaxTokens = 4 }, CancellationToken.None);
        using var refused = await client.PostAsJsonAsync("/v1/completions", new { model = "pirate", prompt = "x", max_tokens = 4 });
        Assert.Equal(System.Net.HttpStatusCode.TooManyRequests, refused.StatusCode);

        // The page may be as old as 50 ms.
        string page;
        do
        {
            page = await client.GetStringAsync("/metrics");
        }
        while (!page.Contains("handler=\"/v1/completions\"", StringComparison.Ordinal) || !page.Contains("grpc_method=\"Generate\"", StringComparison.Ordinal));

        Read(page);
        Read(await client.GetStringAsync("/metrics/tenants"));
        _labels["up"] = [];
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>What of an expression no series has: metrics, labels of theirs, and values of labels whose values are few.</summary>
    /// <param name="expression">In PromQL.</param>
    /// <param name="recorded">Series that rules add, with the labels that they keep.</param>
    public IEnumerable<string> Missing(string expression, IReadOnlyDictionary<string, string[]> recorded)
    {
        var query = new PromQuery(expression);
        foreach (var metric in query.Metrics.Where(metric => !_labels.ContainsKey(metric) && !recorded.ContainsKey(metric)))
        {
            yield return $"no series {metric}";
        }

        foreach (var use in query.Labels.Where(use => !OfTheTarget.Contains(use.Label)))
        {
            var metrics = use.Metric is null ? query.Metrics : [use.Metric];
            if (!metrics.Any(metric => Has(metric, use, recorded)))
            {
                yield return $"no series of {string.Join(", ", metrics.Distinct())} has {use.Label}{use.Operator}{use.Value}";
            }
        }
    }

    // Which statuses have been sent, and by which daemon, is chance; which codes can be is not.
    private bool Has(string metric, LabelUse use, IReadOnlyDictionary<string, string[]> recorded)
    {
        if (recorded.TryGetValue(metric, out var kept))
        {
            return kept.Contains(use.Label);
        }

        return _labels.TryGetValue(metric, out var labels)
            && labels.TryGetValue(use.Label, out var seen)
            && (use.Label == "grpc_code" ? GrpcCodes : seen) is var values
            && (use.Label == "status" || use.Operator switch
            {
                "=" => values.Contains(use.Value!),
                "=~" => values.Any(value => Regex.IsMatch(value, $"^(?:{use.Value})$")),
                _ => true,
            });
    }

    private void Read(string page)
    {
        foreach (Match series in Series().Matches(page))
        {
            var labels = _labels.TryGetValue(series.Groups[1].Value, out var known) ? known : _labels[series.Groups[1].Value] = [];
            foreach (Match label in Label().Matches(series.Groups[2].Value))
            {
                (labels.TryGetValue(label.Groups[1].Value, out var values) ? values : labels[label.Groups[1].Value] = []).Add(label.Groups[2].Value);
            }
        }
    }

    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} """, RegexOptions.Multiline)]
    private static partial Regex Series();

    [GeneratedRegex(@"^    (\w+) = \d+,$", RegexOptions.Multiline)]
    private static partial Regex EnumMember();

    [GeneratedRegex("""([a-z_]+)="((?:[^"\\]|\\.)*)",?""")]
    private static partial Regex Label();
}
