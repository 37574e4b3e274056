using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

/// <summary>An adapter that was replaced on disk cannot be loaded again: whoever runs with it keeps it.</summary>
public sealed class RetiredAdapterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RetireAdapter_ItsOnlyUserIsPreempted_StaysUntilThatOneHasEnded(int depth)
    {
        var preempt = false;
        var harness = new SchedulerHarness(Small with { Faults = new SchedulerFaults { PreemptNow = () => preempt } });
        var adapter = Adapter(1);
        harness.Submit(Request(1, maxTokens: 30), Request(2, maxTokens: 30, adapter: adapter));
        for (var step = 0; step < 6; step++)
        {
            harness.Step(depth);
        }

        harness.Scheduler.RetireAdapter(adapter.Digest);
        preempt = true;
        harness.Step(depth);
        preempt = false;
        harness.RunToEnd(depth);

        var snapshot = harness.Scheduler.Snapshot();
        Assert.Equal(1, snapshot.Preemptions);
        Assert.Equal(1, snapshot.AdapterLoads);
        Assert.Empty(snapshot.Adapters);
        Assert.Equal(Alone(Request(2, maxTokens: 30, adapter: adapter)), harness.Outputs[(2, 0)]);
    }
}
