using Serving.LoadTests.Measurement;
using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Tests.Measurement;

/// <summary>The maths of a scenario's metrics, on requests whose times a test decides.</summary>
public sealed class ScenarioStatisticsTests
{
    private readonly ManualTime _time = new();
    private readonly PhaseClock _clock;
    private readonly ScenarioStatistics _statistics;

    public ScenarioStatisticsTests()
    {
        _clock = new PhaseClock(_time);
        var scenario = new Scenario { Name = "s", Prompt = new PromptShape(new LengthDistribution.Fixed(1), 0, 1, null), Output = new LengthDistribution.Fixed(1), Load = [] };
        _statistics = new ScenarioStatistics(scenario, new ServiceLevel(6, 0.5));
    }

    [Fact]
    public void Result_OfRequestsInAndOutOfTime_HasSLorasAttainmentAndSatisfaction()
    {
        // First tokens after 3 s (in time), 3 s but slow tokens after, 9 s (late), and one that never has any.
        Run(first: 3, perToken: 0.25, tokens: 5);
        Run(first: 3, perToken: 1, tokens: 3);
        Run(first: 9, perToken: 0.25, tokens: 2);
        Fail("http_429_rate");
        _statistics.Drop();

        var metrics = _statistics.Result(10).Metrics;

        Assert.Equal((5.0, 3.0, 1.0, 1.0), (metrics["requests"], metrics["ok"], metrics["errors"], metrics["dropped"]));
        Assert.Equal(0.4, metrics["attainment"], 9);
        Assert.Equal(2 * 0.75 / 5, metrics["satisfaction"], 9);
        Assert.Equal(0.2, metrics["good_share"], 9);
        Assert.Equal(0.1, metrics["goodput_per_s"], 9);
        Assert.Equal(1.0, metrics["tokens_out_per_s"], 9);
        Assert.Equal(1.2, metrics["tokens_in_per_s"], 9);
        Assert.Equal(1, _statistics.Result(10).Errors["http_429_rate"]);
    }

    [Fact]
    public void Result_OfTokenEvents_TellsGapsFromTheMeanPerToken()
    {
        // Two tokens in the second event, a second after the first: a gap of 1 s, half a second per token.
        var timeline = Begin(tokens: 3);
        timeline.Prompt(4, 2);
        timeline.Tokens(1);
        _time.Advance(1);
        timeline.Tokens(3);
        timeline.Tokens(3);
        _time.Advance(1);
        timeline.Finish(RequestEnd.Ok);
        _statistics.Add(timeline);

        var metrics = _statistics.Result(1).Metrics;

        Assert.Equal(1, metrics["itl_max"]);
        Assert.Equal(0.5, metrics["tpot_max"]);
        Assert.Equal(2, metrics["e2e_max"]);
        Assert.Equal(0.5, metrics["cached_share"]);
        Assert.Equal(0, metrics["wrong_lengths"]);
    }

    [Fact]
    public void Add_LengthsOtherThanPlanned_AreCounted()
    {
        var timeline = Begin(tokens: 3);
        timeline.Prompt(5, 0);
        timeline.Tokens(3);
        timeline.Finish(RequestEnd.Ok);
        _statistics.Add(timeline);
        Run(first: 1, perToken: 0.1, tokens: 2, planned: 3);

        Assert.Equal(2, _statistics.Result(1).Metrics["wrong_lengths"]);
    }

    [Fact]
    public void Add_MoreKindsOfErrorsThanAreKept_CountsTheRestTogether()
    {
        for (var i = 0; i < 100; i++)
        {
            Fail($"error_{i}");
        }

        var errors = _statistics.Result(1).Errors;
        Assert.Equal(ScenarioStatistics.MaxErrors, errors.Count);
        Assert.Equal(100, errors.Values.Sum());
    }

    [Fact]
    public void Add_Interrupted_CountsForNothing()
    {
        var timeline = Begin(tokens: 1);
        timeline.Finish(RequestEnd.Interrupted);
        _statistics.Add(timeline);
        Assert.Equal(0, _statistics.Result(1).Metrics["requests"]);
    }

    private RequestTimeline Begin(int tokens) =>
        new(_clock, _clock.Now, new PlannedRequest("m", 4, tokens, 0, [], 0, [], null), (_, _) => { });

    private void Run(double first, double perToken, int tokens, int? planned = null)
    {
        var timeline = Begin(planned ?? tokens);
        timeline.Prompt(4, 0);
        for (var i = 1; i <= tokens; i++)
        {
            _time.Advance(i == 1 ? first : perToken);
            timeline.Tokens(i);
        }

        timeline.Finish(RequestEnd.Ok);
        _statistics.Add(timeline);
    }

    private void Fail(string error)
    {
        var timeline = Begin(tokens: 1);
        timeline.Finish(RequestEnd.Failed, error);
        _statistics.Add(timeline);
    }
}
