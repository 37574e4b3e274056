using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Measurement;

/// <summary>What is counted of a scenario's requests in a phase; of bounded size whatever comes. Thread safe.</summary>
/// <param name="scenario">Which one.</param>
/// <param name="slo">What a good answer is.</param>
internal sealed class ScenarioStatistics(Scenario scenario, ServiceLevel slo)
{
    /// <summary>Kinds of errors that are told apart at most.</summary>
    public const int MaxErrors = 32;

    private readonly Lock _lock = new();
    private readonly LogHistogram _ttft = new();
    private readonly LogHistogram _tpot = new();
    private readonly LogHistogram _gaps = new();
    private readonly LogHistogram _total = new();
    private readonly Dictionary<string, long> _errors = [];
    private readonly Dictionary<string, ModelTally> _models = [];
    private long _ok;
    private long _hungUp;
    private long _failed;
    private long _dropped;
    private long _good;
    private long _attained;
    private long _promptTokens;
    private long _cachedTokens;
    private long _outputTokens;
    private long _wrongLengths;
    private double _satisfaction;

    /// <summary>Which one.</summary>
    public Scenario Scenario => scenario;

    /// <summary>A request was due while as many were under way as may be.</summary>
    public void Drop()
    {
        lock (_lock)
        {
            _dropped++;
        }
    }

    /// <summary>A request is over.</summary>
    public void Add(RequestTimeline request)
    {
        lock (_lock)
        {
            switch (request.End)
            {
                case RequestEnd.Interrupted:
                    return;
                case RequestEnd.Ok:
                    _ok++;
                    _total.Record(request.Ended - request.Due);
                    _wrongLengths += IsAsPlanned(request) ? 0 : 1;
                    break;
                case RequestEnd.HungUp:
                    _hungUp++;
                    break;
                default:
                    _failed++;
                    CountError(request.Error ?? "unknown");
                    break;
            }

            CountTokens(request);
            CountLatency(request);
            CountModel(request);
        }
    }

    /// <summary>What was counted, by the names that thresholds and reports use.</summary>
    /// <param name="seconds">The time that it was counted over.</param>
    public ScenarioResult Result(double seconds)
    {
        lock (_lock)
        {
            return new ScenarioResult
            {
                Name = scenario.Name,
                Tenant = scenario.Tenant,
                Metrics = Metrics(Math.Max(seconds, 1e-9)),
                Errors = new SortedDictionary<string, long>(_errors, StringComparer.Ordinal),
                Models = [.. _models
                    .Select(pair => new ModelResult(pair.Key, pair.Value.Requests, pair.Value.Failed, pair.Value.OutputTokens, pair.Value.Ttft / Math.Max(1, pair.Value.First), pair.Value.MaxTtft))
                    .OrderByDescending(model => model.Requests)
                    .ThenBy(model => model.Name, StringComparer.Ordinal)],
            };
        }
    }

    // Documents and templates have tokens of their own, which only the daemon counts.
    private static bool IsAsPlanned(RequestTimeline request) =>
        request.OutputTokens == request.Request.OutputTokens && (request.Request.Documents.Count > 0 || request.PromptTokens == request.Request.PromptTokens);

    private SortedDictionary<string, double> Metrics(double seconds)
    {
        var all = _ok + _hungUp + _failed + _dropped;
        double Share(double part, double whole) => whole == 0 ? 0 : part / whole;
        var metrics = new SortedDictionary<string, double>(StringComparer.Ordinal)
        {
            ["requests"] = all,
            ["ok"] = _ok,
            ["hung_up"] = _hungUp,
            ["errors"] = _failed,
            ["error_share"] = Share(_failed, all),
            ["dropped"] = _dropped,
            ["wrong_lengths"] = _wrongLengths,
            ["requests_per_s"] = _ok / seconds,
            ["tokens_in"] = _promptTokens,
            ["tokens_out"] = _outputTokens,
            ["tokens_in_per_s"] = _promptTokens / seconds,
            ["tokens_out_per_s"] = _outputTokens / seconds,
            ["cached_tokens"] = _cachedTokens,
            ["cached_share"] = Share(_cachedTokens, _promptTokens),
            ["good_share"] = Share(_good, all),
            ["goodput_per_s"] = _good / seconds,
            ["attainment"] = Share(_attained, all),
            ["satisfaction"] = Share(_satisfaction, all),
            ["models"] = _models.Count,
        };
        foreach (var (name, histogram) in new[] { ("ttft", _ttft), ("tpot", _tpot), ("itl", _gaps), ("e2e", _total) })
        {
            metrics[$"{name}_mean"] = histogram.Mean;
            metrics[$"{name}_p50"] = histogram.Quantile(0.5);
            metrics[$"{name}_p90"] = histogram.Quantile(0.9);
            metrics[$"{name}_p99"] = histogram.Quantile(0.99);
            metrics[$"{name}_max"] = histogram.Max;
        }

        return metrics;
    }

    private void CountTokens(RequestTimeline request)
    {
        _promptTokens += request.PromptTokens;
        _cachedTokens += request.CachedTokens;
        _outputTokens += request.OutputTokens;
        foreach (var gap in request.Gaps)
        {
            _gaps.Record(gap);
        }
    }

    // S-LoRA: attainment is the share of all requests whose first token came in time; satisfaction is the mean of 1 − (t/limit)², 0 from the limit on and for those without one.
    private void CountLatency(RequestTimeline request)
    {
        if (request.TimeToFirstToken is not { } first)
        {
            return;
        }

        _ttft.Record(first);
        if (request.TimePerOutputToken is { } per)
        {
            _tpot.Record(per);
        }

        var inTime = first < slo.Ttft;
        _attained += inTime ? 1 : 0;
        _satisfaction += inTime ? 1 - Math.Pow(first / slo.Ttft, 2) : 0;
        _good += inTime && request.End != RequestEnd.Failed && !(request.TimePerOutputToken > slo.Tpot) ? 1 : 0;
    }

    private void CountError(string error)
    {
        var key = _errors.ContainsKey(error) || _errors.Count < MaxErrors - 1 ? error : "other";
        _errors[key] = _errors.GetValueOrDefault(key) + 1;
    }

    private void CountModel(RequestTimeline request)
    {
        if (!_models.TryGetValue(request.Request.Model, out var tally))
        {
            _models[request.Request.Model] = tally = new ModelTally();
        }

        tally.Requests++;
        tally.Failed += request.End == RequestEnd.Failed ? 1 : 0;
        tally.OutputTokens += request.OutputTokens;
        if (request.TimeToFirstToken is { } first)
        {
            tally.First++;
            tally.Ttft += first;
            tally.MaxTtft = Math.Max(tally.MaxTtft, first);
        }
    }

    // As many as the scenario has models: 65,536 at most.
    private sealed class ModelTally
    {
        public long Requests { get; set; }

        public long Failed { get; set; }

        public long First { get; set; }

        public long OutputTokens { get; set; }

        public double Ttft { get; set; }

        public double MaxTtft { get; set; }
    }
}
