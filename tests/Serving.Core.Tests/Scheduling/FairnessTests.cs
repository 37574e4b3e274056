using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class FairnessTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    public void RunToEnd_OneTenantSendsTwentyTimesMore_ServiceStaysWithinTheBound(double weightOfSmall, double weightOfLarge)
    {
        var options = Small with { MaxSequences = 4, PrefixCaching = false };
        var harness = new SchedulerHarness(options);
        var tenants = new[] { Tenant("small", weightOfSmall), Tenant("large", weightOfLarge) };
        const int Prompt = 30, Output = 12;
        for (var id = 0; id < 21 * 15; id++)
        {
            harness.Submit(Request(id, Prompt, Output, tenants[id % 21 == 0 ? 0 : 1]));
        }

        // 2 · max(w_p · L_input, w_q · M): M is what a full batch holds, prompt and output.
        var bound = 2 * Math.Max(Prompt, 2.0 * options.MaxSequences * (Prompt + Output)) / Math.Min(weightOfSmall, weightOfLarge);
        while (harness.Scheduler.Snapshot().Tenants is [{ Waiting: > 0 } small, { Waiting: > 0 } large])
        {
            Assert.InRange(Math.Abs(ServiceOf(small, weightOfSmall) - ServiceOf(large, weightOfLarge)), 0, bound);
            harness.Step();
        }

        Assert.True(harness.EndOrder.Count > 15);
        Assert.Equal(0, harness.Scheduler.Snapshot().Tenants[0].Waiting);
    }

    private static double ServiceOf(TenantSnapshot tenant, double weight) => (tenant.InputTokens + (2 * tenant.OutputTokens)) / weight;
}
