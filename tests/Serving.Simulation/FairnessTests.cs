using Serving.Core.Scheduling;
using Serving.Simulation.Invariants;
using Serving.Simulation.Runs;
using Serving.Simulation.Swarm;

namespace Serving.Simulation;

/// <summary>Two tenants that always have requests waiting, one sending twenty times as many as the other.</summary>
public sealed class FairnessTests(ITestOutputHelper output)
{
    private const int Steps = 1000;
    private const int Prompt = 48;
    private const int Output = 24;
    private const double OutputPrice = 2;
    private const int Sequences = 4;

    [Theory]
    [InlineData(1, 0, 1, 1)]
    [InlineData(2, 1, 1, 1)]
    [InlineData(3, 0, 1, 3)]
    [InlineData(4, 1, 4, 1)]
    public void Run_OneTenantSendsTwentyTimesAsMuch_BoundHoldsAtEveryStep(ulong seed, int depth, double flooding, double quiet)
    {
        var shares = Shares(flooding, quiet);

        var result = Simulator.Run(Settings(seed, depth, flooding, quiet), Steps, more: [shares]);

        output.WriteLine($"largest gap {shares.LargestGap} of {Bound(flooding, quiet)} over {shares.StepsTogether} steps");
        Assert.True(result.Passed, result.ToString());
        Assert.InRange(shares.StepsTogether, Steps / 2, int.MaxValue);
    }

    [Theory]
    [InlineData(6, 0)]
    [InlineData(7, 1)]
    public void Run_QuietTenantWasIdle_SavesUpNothing(ulong seed, int depth)
    {
        var shares = Shares(1, 1);

        var result = Simulator.Run(Settings(seed, depth, 1, 1) with { LastTenantFrom = Steps / 2 }, Steps, more: [shares]);

        Assert.True(result.Passed, result.ToString());
        Assert.InRange(shares.StepsTogether, Steps / 4, int.MaxValue);
    }

    [Fact]
    public void Run_NoLiftPlanted_BoundIsBroken()
    {
        var result = Simulator.Run(Settings(6, 0, 1, 1) with { LastTenantFrom = Steps / 2 }, Steps, PlantedBug.NoLift, [Shares(1, 1)]);

        Assert.StartsWith("14", result.Violation);
    }

    [Fact]
    public void Run_UnfairChargePlanted_BoundIsBroken()
    {
        var result = Simulator.Run(Settings(5, 0, 1, 6), Steps, PlantedBug.UnfairCharge, [Shares(1, 6)]);

        Assert.StartsWith("14", result.Violation);
    }

    private static FairShares Shares(double flooding, double quiet) => new([flooding, quiet], Bound(flooding, quiet));

    private static double Bound(double flooding, double quiet) => 2 * Math.Max(Prompt, OutputPrice * Sequences * Output) / Math.Min(flooding, quiet);

    private static SwarmSettings Settings(ulong seed, int depth, double flooding, double quiet) => new()
    {
        Seed = seed,
        Depth = depth,
        Pages = 80,
        MaxSequences = Sequences,
        MaxBatchedTokens = 24,
        MaxQueued = 1_000_000,
        MaxModelLength = Prompt + Output,
        TenantWeights = [flooding, quiet],
        TenantShares = [20, 1],
        Arrivals = 8,
        BurstLength = 1_000_000,
        PromptTokens = Prompt,
        OutputTokens = Output,
        Choices = 0,
        ScorePrompt = 0,
        Priorities = 0,
    };
}
