using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Tests.Sampling;

public sealed class SeededRandomTests
{
    private const int Draws = 200_000;

    /// <summary>The bits themselves, so that a run of today can be repeated with a build of tomorrow.</summary>
    [Fact]
    public void NextDouble_OfASeed_NeverChanges()
    {
        var random = new SeededRandom(42);
        Assert.Equal([343, 955, 486], [random.NextInt(1000), random.NextInt(1000), random.NextInt(1000)]);
        Assert.NotEqual(new SeededRandom(42).NextDouble(), new SeededRandom(43).NextDouble());
        Assert.NotEqual(new SeededRandom(1, 2).NextDouble(), new SeededRandom(2, 1).NextDouble());
    }

    [Theory]
    [InlineData(0.25, 4)]
    [InlineData(1, 1)]
    [InlineData(4, 0.5)]
    public void NextGamma_AnyShape_HasItsMeanAndVariance(double shape, double scale)
    {
        var random = new SeededRandom(7);
        var (mean, variance) = Moments(() => random.NextGamma(shape, scale));
        Assert.Equal(1, mean / (shape * scale), 0.02);
        Assert.Equal(1, variance / (shape * scale * scale), 0.05);
    }

    [Fact]
    public void NextNormalAndExponential_HaveTheirMoments()
    {
        var random = new SeededRandom(8);
        var (mean, variance) = Moments(random.NextNormal);
        Assert.Equal(0, mean, 0.01);
        Assert.Equal(1, variance, 0.02);
        (mean, variance) = Moments(random.NextExponential);
        Assert.Equal(1, mean, 0.01);
        Assert.Equal(1, variance, 0.03);
    }

    /// <summary>S-LoRA's adapters: the first of 200 has a share of (1/200)^alpha.</summary>
    [Theory]
    [InlineData(0.1, 0.589)]
    [InlineData(0.3, 0.204)]
    [InlineData(1, 0.005)]
    public void NextPower_OfAlpha_GivesTheFirstAdapterItsShare(double alpha, double share)
    {
        var random = new SeededRandom(9);
        var first = Enumerable.Range(0, Draws).Count(_ => (int)(random.NextPower(alpha) * 200) == 0);
        Assert.Equal(share, first / (double)Draws, 0.005);
    }

    [Fact]
    public void Shuffle_OfThree_GivesEveryOrderAlike()
    {
        var random = new SeededRandom(10);
        var orders = new Dictionary<string, int>();
        for (var i = 0; i < 60_000; i++)
        {
            var items = new[] { 1, 2, 3 };
            random.Shuffle<int>(items);
            var order = string.Concat(items);
            orders[order] = orders.GetValueOrDefault(order) + 1;
        }

        Assert.Equal(6, orders.Count);
        Assert.All(orders.Values, count => Assert.InRange(count, 9_500, 10_500));
    }

    private static (double Mean, double Variance) Moments(Func<double> draw)
    {
        var values = Enumerable.Range(0, Draws).Select(_ => draw()).ToArray();
        var mean = values.Average();
        return (mean, values.Average(value => (value - mean) * (value - mean)));
    }
}
