using Serving.Core.Requests;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class PositionTests
{
    private static readonly int[] Gapped = [0, 1, 2, 3, 40, 41, 42, 20, 21, 43];

    [Fact]
    public void Schedule_PositionsOfASchema_ReachThePlanAndGenerationFollowsTheHighest()
    {
        var harness = new SchedulerHarness().Submit(Request(1, Gapped.Length, 4) with { Positions = Gapped });
        Assert.Equal(Gapped, harness.Launch()!.Positions.ToArray());
        harness.Land();
        Assert.Equal([44], harness.Launch()!.Positions.ToArray());
        harness.Land();
        Assert.Equal([45], harness.Launch()!.Positions.ToArray());
    }

    [Fact]
    public void Submit_PositionsBeyondTheModel_IsRefused()
    {
        var request = Request(1, 2, 8) with { Positions = [0, Small.MaxModelLength - 8] };
        Assert.Equal(RequestError.ContextTooLong, new SchedulerHarness().Scheduler.Submit(request, 0));
        Assert.Null(new SchedulerHarness().Scheduler.Submit(request with { Positions = [0, Small.MaxModelLength - 9] }, 0));
    }

    [Fact]
    public void Schedule_SameTokensAtOtherPositions_AreNotFoundInThePrefixCache()
    {
        var harness = new SchedulerHarness(Small with { MaxBatchedTokens = 64 }).Submit(Request(1, 40, 1)).RunToEnd();
        int[] shifted = [.. Enumerable.Range(3, 40)];
        harness.Submit(Request(2, 40, 1, seed: 1) with { Positions = shifted }).RunToEnd();
        Assert.Equal(0, harness.Scheduler.Snapshot().PrefixHits);
        harness.Submit(Request(3, 40, 1, seed: 1) with { Positions = shifted }).RunToEnd();
        Assert.Equal(32, harness.Scheduler.Snapshot().PrefixHits);
    }
}
