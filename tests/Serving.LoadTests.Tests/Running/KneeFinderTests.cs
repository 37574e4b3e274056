using Serving.LoadTests.Running;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Tests.Running;

public sealed class KneeFinderTests
{
    [Theory]
    [InlineData(1.05)]
    [InlineData(7.3)]
    [InlineData(63)]
    public async Task Find_AKneeAnywhere_IsWithinThePrecision(double knee)
    {
        var rounds = 0;
        var found = await new KneeFinder(new KneeSearch(1, 64, 0.05, 0.9), (factor, round) =>
        {
            Assert.Equal(rounds++, round);
            return Task.FromResult(factor <= knee);
        }).FindAsync(CancellationToken.None);

        Assert.NotNull(found);
        Assert.InRange(found.Value, knee / 1.05, knee);
        Assert.InRange(rounds, 2, 14);
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, 64.0)]
    public async Task Find_AllAlike_EndsAtTheEdge(bool good, double? expected) =>
        Assert.Equal(expected, await new KneeFinder(new KneeSearch(1, 64, 0.05, 0.9), (_, _) => Task.FromResult(good)).FindAsync(CancellationToken.None));
}
