using Serving.LoadTests.Measurement;
using Serving.LoadTests.Reports;

namespace Serving.LoadTests.Tests.Reports;

/// <summary>Reports of one phase with one scenario, a round for each value of a metric.</summary>
internal static class SampleReport
{
    public static LoadReport Of(string metric, params double[] rounds) => new()
    {
        Schema = LoadReport.CurrentSchema,
        Test = "t",
        Description = "d",
        Started = DateTimeOffset.UnixEpoch,
        Seed = 1,
        Model = "m|n",
        SloTtft = 6,
        Interrupted = false,
        Phases = [.. rounds.Select((value, round) => Phase(metric, value, round))],
        Thresholds = [new ThresholdResult("errors == 0", 0, 0, true), new ThresholdResult("x < 1", null, 1, false)],
        GeneratorFaults = [],
    };

    private static PhaseResult Phase(string metric, double value, int round)
    {
        var metrics = new ScenarioStatistics(LoadTests.Commands.ScenarioFiles.Load("smoke").Scenarios["base"], new(6, null)).Result(1).Metrics;
        metrics[metric] = value;
        return new PhaseResult
        {
            Name = "p",
            Round = round,
            Seconds = 1,
            RateFactor = 1,
            Scenarios = [new ScenarioResult { Name = "s", Tenant = "default", Metrics = metrics, Errors = new() { ["http_429_a|b\nc"] = 2 }, Models = [new ModelResult("m|n", 1, 0, 2, 0.1, 0.2)] }],
            Metrics = new() { ["lateness_p99"] = 0.001 },
            Server = new() { ["steps"] = 7 },
            Timeline = [],
            GeneratorFaults = [],
        };
    }
}
