using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Running;
using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Tests.Running;

/// <summary>Open and closed loops by a clock that the test sets.</summary>
public sealed class PhaseRunnerTests
{
    private readonly ManualTime _time = new();
    private readonly GateTarget _target = new();

    /// <summary>No coordinated omission: while the server answers nobody requests go on coming, and their latencies count from when they were due.</summary>
    [Fact]
    public async Task Run_AServerThatStalls_IsMeasuredFromWhenRequestsWereDue()
    {
        var load = Load([1, 2, 3]);
        var running = Start(load, out var runner);
        await StepAsync(3);
        _time.Advance(7);
        _target.Open();
        await running;

        var metrics = load.Statistics.Result(1).Metrics;
        Assert.Equal(3, metrics["ok"]);
        Assert.Equal([9.0, 8.0, 7.0], _target.Requests.OrderBy(request => request.Due).Select(request => request.TimeToFirstToken!.Value));
        Assert.Equal(9, metrics["ttft_max"], 0.05);
        Assert.Equal((0.0, 3), (runner.Meters.Lateness.Max, runner.Meters.MostOutstanding));
        Assert.Empty(GeneratorFaults.Of(runner.Meters, 10));
    }

    [Fact]
    public async Task Run_AGeneratorThatIsLate_SaysSo()
    {
        var load = Load([1, 2]);
        var running = Start(load, out var runner);
        await _time.TimersAsync();

        // The machine sleeps over both: the first is 1.5 s late, the second half a second, and their latencies are not better for it.
        _target.Open();
        _time.Advance(0.5);
        _time.Jump(2);
        await running;

        Assert.Equal(1.5, runner.Meters.Lateness.Max, 1e-6);
        Assert.Equal(2, load.Statistics.Result(1).Metrics["ok"]);
        Assert.True(load.Statistics.Result(1).Metrics["ttft_max"] >= 1.5);
        Assert.Contains("bottleneck", Assert.Single(GeneratorFaults.Of(runner.Meters, 10)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_MoreThanMayBeUnderWay_IsDroppedAndCountedAndNotSentLater()
    {
        var load = Load([1, 2, 3, 4]);
        var running = Start(load, out var runner, maxOutstanding: 2);
        await StepAsync(2);
        await _time.TimersAsync();
        _time.Advance(1);
        await _time.TimersAsync();
        _time.Advance(1);
        await Eventually.HoldsAsync(() => runner.Meters.Dropped == 2);
        _target.Open();
        await running;

        var metrics = load.Statistics.Result(1).Metrics;
        Assert.Equal((4.0, 2.0, 2.0), (metrics["requests"], metrics["ok"], metrics["dropped"]));
        Assert.Equal(2, _target.Requests.Count);
        Assert.Contains("dropped", Assert.Single(GeneratorFaults.Of(runner.Meters, 2)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WarmUp_IsSentAndNotCounted()
    {
        var load = Load([1, 2, 3]);
        _target.Open();
        var running = Start(load, out _, warmUp: 2);
        await StepAsync(3);
        await running;

        Assert.Equal(3, _target.Requests.Count);
        Assert.Equal(2, load.Statistics.Result(1).Metrics["requests"]);
    }

    [Fact]
    public async Task Run_RequestsThatNeverEnd_AreCutOffAfterTheDrainAndCountAsFailed()
    {
        var load = Load([1]);
        var running = Start(load, out _, drain: 5);
        await StepAsync(1);
        await _time.TimersAsync();
        _time.Advance(5);
        await running;

        Assert.Equal(1, load.Statistics.Result(1).Errors["unfinished"]);
    }

    [Fact]
    public async Task Run_Interrupted_EndsWithoutCountingWhatWasUnderWay()
    {
        using var interrupt = new CancellationTokenSource();
        var load = Load([1, 1000]);
        var running = Start(load, out _, interrupt: interrupt.Token);
        await StepAsync(1);
        await interrupt.CancelAsync();
        await running;

        Assert.Equal(0, load.Statistics.Result(1).Metrics["requests"]);
        Assert.Equal(RequestEnd.Interrupted, Assert.Single(_target.Requests).End);
    }

    [Fact]
    public async Task Run_AClosedLoop_KeepsItsCopiesAndEndsWithItsRequests()
    {
        var load = Load([], new ClosedLoop(0, 3, null, 8));
        var running = Start(load, out var runner);
        await _target.ArrivedAsync(3);
        Assert.Equal(3, _target.Requests.Count);
        _target.Open();
        await running;

        Assert.Equal((8.0, 3), (load.Statistics.Result(1).Metrics["ok"], runner.Meters.MostOutstanding));
        Assert.Equal(8, _target.Requests.Select(request => request.Request.Seed).Distinct().Count());
    }

    private static ScenarioLoad LoadOf(ITarget target, double[] arrivals, params ClosedLoop[] closed)
    {
        var scenario = new Scenario { Name = "s", Prompt = new PromptShape(new LengthDistribution.Fixed(4), 0, 1, null), Output = new LengthDistribution.Fixed(1), Load = [] };
        var plan = new ArrivalPlan([.. arrivals.Select(at => new Arrival(at))], closed, 0);
        return new ScenarioLoad(plan, new RequestFactory(scenario, ["m"], null, 1, 2), target, new ScenarioStatistics(scenario, new ServiceLevel(6, null)), 0);
    }

    private ScenarioLoad Load(double[] arrivals, params ClosedLoop[] closed) => LoadOf(_target, arrivals, closed);

    private Task Start(ScenarioLoad load, out PhaseRunner runner, int maxOutstanding = 10, double warmUp = 0, double drain = 100, CancellationToken interrupt = default)
    {
        runner = new PhaseRunner([load], new PhaseLimits(maxOutstanding, warmUp, drain), new FairnessMeter([1]), _time);
        return runner.RunAsync(interrupt);
    }

    // Second by second: the loop waits for its next request, the clock is set to it, it is sent.
    private async Task StepAsync(int seconds)
    {
        for (; seconds > 0; seconds--)
        {
            await _time.TimersAsync();
            _time.Advance(1);
            await _target.ArrivedAsync(1);
        }
    }

}
