using Serving.LoadTests.Measurement;
using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Tests.Measurement;

public sealed class LogHistogramTests
{
    public static TheoryData<string> Shapes() => ["uniform", "heavy", "tiny", "equal"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Quantile_OfAnyShape_IsExactWithinTheStatedError(string shape)
    {
        var random = new SeededRandom(3);
        var values = Enumerable.Range(0, 5_000).Select(_ => shape switch
        {
            "uniform" => random.NextDouble() * 10,
            "heavy" => Math.Min(50_000, Math.Exp(4 * random.NextNormal())),
            "tiny" => random.NextDouble() * 300e-6,
            _ => 0.0123456,
        }).ToArray();
        var histogram = new LogHistogram();
        Array.ForEach(values, histogram.Record);
        Array.Sort(values);

        foreach (var share in new[] { 0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1 })
        {
            var exact = values[Math.Max(0, (int)Math.Ceiling(share * values.Length) - 1)];
            Assert.InRange(Math.Abs(histogram.Quantile(share) - exact), 0, Math.Max(exact * LogHistogram.RelativeError * 1.0001, 0.51e-6));
        }

        Assert.Equal(values[0], histogram.Min);
        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values.Average(), histogram.Mean, values.Average() * 1e-9);
    }

    [Fact]
    public void Add_OfAnother_IsAsIfAllHadBeenRecordedInOne()
    {
        var (random, one, other, both) = (new SeededRandom(4), new LogHistogram(), new LogHistogram(), new LogHistogram());
        for (var i = 0; i < 1000; i++)
        {
            var value = random.NextExponential();
            (i % 3 == 0 ? one : other).Record(value);
            both.Record(value);
        }

        one.Add(other);
        one.Add(new LogHistogram());

        Assert.Equal((both.Count, both.Min, both.Max), (one.Count, one.Min, one.Max));
        Assert.Equal(both.Quantile(0.37), one.Quantile(0.37));
        Assert.Equal(both.Mean, one.Mean, 1e-9);
    }

    [Fact]
    public void Record_Extremes_AreKeptWithinBounds()
    {
        var histogram = new LogHistogram();
        Assert.Equal((0.0, 0.0), (histogram.Quantile(0.5), histogram.Mean));
        histogram.Record(-1);
        histogram.Record(1e12);
        Assert.InRange(histogram.Quantile(0.5), 0, 1e-6);
        Assert.InRange(histogram.Quantile(1), 60_000, 1e12);
        Assert.Equal(1e12, histogram.Max);
    }
}
