using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Tests.Measurement;

public sealed class MemoryMeterTests
{
    [Fact]
    public void Metrics_MemoryThatGrows_IsSeenThroughItsUpsAndDowns()
    {
        var (flat, growing) = (new MemoryMeter(), new MemoryMeter());
        for (var i = 0; i < 100; i++)
        {
            var saw = 1000 + (100 * (i % 7));
            flat.Record(saw);
            growing.Record(saw + (20 * i));
        }

        Assert.Equal(1, Metric(flat, "memory_growth"), 0.01);
        Assert.Equal(1600, Metric(flat, "memory_max"));
        Assert.InRange(Metric(growing, "memory_growth"), 1.8, 2.4);
        Assert.Equal(Metric(growing, "memory_last") / Metric(growing, "memory_first"), Metric(growing, "memory_growth"), 1e-9);
    }

    [Fact]
    public void Record_ForAnyTime_KeepsABoundedNumberOfEvenLooks()
    {
        var meter = new MemoryMeter();
        var at = 0.0;
        while (at < 7 * 24 * 3600)
        {
            meter.Record(at);
            at += meter.Interval;
        }

        // Of a straight line over a week the medians of its first and last quarter are an eighth and seven eighths.
        Assert.InRange(meter.Interval, 1180, 2400);
        Assert.Equal(0.125 * at, Metric(meter, "memory_first"), 0.02 * at);
        Assert.Equal(0.875 * at, Metric(meter, "memory_last"), 0.02 * at);
    }

    [Fact]
    public void Metrics_TooFewLooks_SayNothing()
    {
        var meter = new MemoryMeter();
        for (var i = 0; i < MemoryMeter.MinLooks - 1; i++)
        {
            meter.Record(1);
        }

        Assert.Empty(meter.Metrics());
    }

    private static double Metric(MemoryMeter meter, string name) => meter.Metrics().Single(metric => metric.Name == name).Value;
}
