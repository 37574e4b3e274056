using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Tests.Measurement;

public sealed class FairnessMeterTests
{
    [Fact]
    public void Serve_OfTwoBackloggedTenants_GivesTheLargestDifferenceOfAnyStretch()
    {
        var meter = new FairnessMeter([1, 1]);
        meter.Wait(0);
        meter.Wait(1);
        meter.Serve(0, 100, 0);
        meter.Serve(1, 0, 100);
        Assert.True(meter.Compared);

        // From +100 for the first to 100 for the second: one stretch in which the second was served 200 more.
        Assert.Equal(200, meter.Gap);
        meter.Serve(0, 0, 50);
        Assert.Equal(200, meter.Gap);
    }

    [Fact]
    public void Serve_WhileTheOtherHasNothingWaiting_IsNoUnfairness()
    {
        var meter = new FairnessMeter([1, 1]);
        meter.Wait(0);
        meter.Serve(0, 5000, 0);
        Assert.False(meter.Compared);

        // The other comes late: what was before does not count; and when it leaves, what comes after neither.
        meter.Wait(1);
        meter.Serve(0, 10, 0);
        Assert.Equal(10, meter.Gap);
        meter.Leave(1);
        meter.Serve(0, 5000, 0);
        Assert.Equal(10, meter.Gap);
    }

    [Fact]
    public void Serve_WithWeights_CountsServiceOverWeight()
    {
        var meter = new FairnessMeter([1, 4]);
        meter.Wait(0);
        meter.Wait(1);
        meter.Serve(0, 100, 0);
        meter.Serve(1, 400, 0);
        Assert.Equal(100, meter.Gap);
    }
}
