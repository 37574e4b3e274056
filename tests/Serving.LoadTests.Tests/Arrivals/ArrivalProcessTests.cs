using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Tests.Arrivals;

public sealed class ArrivalProcessTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(4)]
    public void Gamma_OfAnyCv_HasItsRateAndVariation(double cv)
    {
        var times = ArrivalProcess.Gamma(10, cv, 20_000, new SeededRandom(1)).ToArray();
        var intervals = times.Zip(times.Skip(1), (a, b) => b - a).ToArray();
        var mean = intervals.Average();
        var deviation = Math.Sqrt(intervals.Average(interval => (interval - mean) * (interval - mean)));

        Assert.InRange(times.Length / 20_000.0, 9.6, 10.4);
        Assert.Equal(cv, deviation / mean, Math.Max(1e-6, cv * 0.05));
        Assert.True(times[0] > 0 && times[^1] < 20_000, "the first comes after an interval, none after the end");
    }

    [Theory]
    [InlineData(0.001, 20)]
    [InlineData(20, 0.001)]
    [InlineData(10, 10)]
    public void Ramp_UpAndDown_HasItsRateEverywhere(double from, double to)
    {
        var times = ArrivalProcess.Ramp(from, to, 10_000, new SeededRandom(2)).ToArray();
        Assert.Equal(times.Order(), times);
        for (var part = 0; part < 4; part++)
        {
            var middle = from + ((to - from) * (part + 0.5) / 4);
            Assert.Equal(1, times.Count(at => (int)(at / 2500) == part) / (middle * 2500), 0.05);
        }
    }

    [Fact]
    public void RandomRate_ChangesItsRateAndStaysWithinBounds()
    {
        var times = ArrivalProcess.RandomRate(10, 30, 100, 100_000, new SeededRandom(3)).ToArray();
        var rates = times.GroupBy(at => (int)(at / 100)).Select(group => group.Count() / 100.0).ToArray();
        Assert.Equal(20, rates.Average(), 0.7);
        Assert.True(rates.Min() < 14 && rates.Max() > 26, "rates are not drawn over the whole range");
        Assert.All(rates, rate => Assert.InRange(rate, 8, 33));
    }

    [Fact]
    public void Plan_OfASeed_IsTheSameAgainAndAnotherOfAnother()
    {
        LoadSimulation[] load = [new LoadSimulation.Inject(5, 2, 10), new LoadSimulation.Pause(3), new LoadSimulation.RampingInject(1, 9, 10), new LoadSimulation.InjectRandom(1, 5, 2, 10)];
        double[] Times(long seed, double factor = 1) => [.. ArrivalPlan.Of(load, seed, factor, NoTrace).Open.Select(arrival => arrival.At)];

        Assert.Equal(Times(1), Times(1));
        Assert.NotEqual(Times(1), Times(2));
        Assert.Equal(33, ArrivalPlan.Of(load, 1, 1, NoTrace).Seconds);
        Assert.DoesNotContain(Times(1), at => at is >= 10 and < 13);
        Assert.InRange(Times(1, 10).Length, 7 * Times(1).Length, 14 * Times(1).Length);
    }

    [Fact]
    public void Plan_MoreArrivalsThanItsBound_IsRefused() =>
        Assert.Contains("1000000", Assert.Throws<ScenarioException>(() => ArrivalPlan.Of([new LoadSimulation.Inject(100_000, 0, 100)], 1, 1, NoTrace)).Message, StringComparison.Ordinal);

    [Fact]
    public void Plan_ClosedLoops_ComeAfterWhatIsBeforeThem()
    {
        var plan = ArrivalPlan.Of([new LoadSimulation.Pause(2), new LoadSimulation.KeepConstant(4, 5, null), new LoadSimulation.KeepConstant(8, null, 100)], 1, 0.5, NoTrace);
        Assert.Equal([new ClosedLoop(2, 2, 5, null), new ClosedLoop(7, 4, null, 100)], plan.Closed);
        Assert.Null(plan.Requests);
    }

    private static IEnumerable<Arrival> NoTrace(LoadSimulation.Replay replay, double factor) => throw new InvalidOperationException("there is no trace");
}
