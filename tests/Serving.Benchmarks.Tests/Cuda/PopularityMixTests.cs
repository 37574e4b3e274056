using Serving.Benchmarks.Cuda;

namespace Serving.Benchmarks.Tests.Cuda;

/// <summary>Punica's mixes, as its generator makes them.</summary>
public sealed class PopularityMixTests
{
    [Theory]
    [InlineData("identical", 32, new[] { 32 })]
    [InlineData("uniform", 64, new[] { 8, 8, 8, 8, 8, 8, 8, 8 })]
    [InlineData("skewed", 32, new[] { 11, 7, 5, 3, 2, 2, 1, 1 })]
    [InlineData("skewed", 64, new[] { 17, 17, 11, 7, 5, 3, 2, 1, 1 })]
    [InlineData("distinct", 3, new[] { 1, 1, 1 })]
    public void Of_AnyCount_HasTheGroups(string key, int count, int[] groups)
    {
        var (_, _, slots) = PopularityMixes.Of(count).Single(mix => mix.Key == key);
        Assert.Equal(groups, slots.GroupBy(slot => slot).OrderBy(group => group.Key).Select(group => group.Count()));
        Assert.Equal(slots.Order(), slots);
    }

    /// <summary>The bars decide as they read.</summary>
    [Fact]
    public void Bar_AtItsValue_IsReached()
    {
        Assert.True(Bar.AtLeast(80).IsReachedBy(80) && !Bar.AtLeast(80).IsReachedBy(79.9));
        Assert.True(Bar.AtMost(1.4).IsReachedBy(1.4) && !Bar.AtMost(1.4).IsReachedBy(1.41));
        Assert.Equal(">= 0.95", Bar.AtLeast(0.95).ToString());
    }
}
