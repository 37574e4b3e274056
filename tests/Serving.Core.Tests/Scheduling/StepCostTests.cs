using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Scheduling;

namespace Serving.Core.Tests.Scheduling;

public sealed class StepCostTests
{
    [Fact]
    public void RowShare_OfStepsThatFollowALine_IsItsSlopeOverItsBeginning()
    {
        var cost = new StepCost();
        for (var i = 0; i < 200; i++)
        {
            var rows = 1 + (i % 16);
            cost.Observe(rows, 10_000 + (rows * 250));
        }

        Assert.Equal(0.025, cost.RowShare, 1e-6);
    }

    [Fact]
    public void RowShare_OfStepsThatAllHaveAsManyRows_StaysWhatItWas()
    {
        var cost = new StepCost();
        for (var i = 0; i < 50; i++)
        {
            cost.Observe(1, 10_000 + (i % 7 * 100));
        }

        Assert.Equal(StepCost.Assumed, cost.RowShare);
    }

    /// <summary>The same rows take twice as long now: contexts have grown, or somebody else computes.</summary>
    [Fact]
    public void RowShare_WhenTimesChange_Follows()
    {
        var cost = new StepCost();
        for (var i = 0; i < 2000; i++)
        {
            var rows = 1 + (i % 8);
            cost.Observe(rows, i < 1000 ? 10_000 + (rows * 100) : 10_000 + (rows * 2000));
        }

        Assert.Equal(0.2, cost.RowShare, 0.01);
    }

    [Fact]
    public void RowShare_OfOneStepThatSomebodyElseHeldUp_HardlyChanges()
    {
        var cost = new StepCost();
        for (var i = 0; i < 300; i++)
        {
            var rows = 1 + (i % 16);
            cost.Observe(rows, i == 290 ? 5_000_000 : 10_000 + (rows * 250));
        }

        Assert.InRange(cost.RowShare, 0.005, 0.06);
    }

    [Fact]
    public void RowShare_OfAnySteps_IsAShare() => Prop.ForAll<(byte Rows, int Time)[]>(static steps =>
    {
        var cost = new StepCost();
        foreach (var (rows, time) in steps)
        {
            cost.Observe(rows, time);
        }

        return cost.RowShare is > 0 and <= 1;
    }).Check(Config.QuickThrowOnFailure);
}
