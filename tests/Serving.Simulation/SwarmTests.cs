using Serving.Simulation.Runs;

namespace Serving.Simulation;

/// <summary>The seeds of CI: every run holds every invariant, and together they see every rare thing.</summary>
public sealed class SwarmTests(ITestOutputHelper output)
{
    [Fact]
    public void Run_ManySeeds_InvariantsHoldAndMarksAreHit()
    {
        var result = Campaign.Run(SimulationBudget.FirstSeed, SimulationBudget.Seeds, SimulationBudget.Steps);
        output.WriteLine(result.Summary);

        Assert.True(result.Failures.Count == 0, $"{result.Failures.Count} seeds failed\n{result.Report()}");
        if (!SimulationBudget.OneSeed)
        {
            Assert.Empty(result.Marks.Missing());
        }
    }
}
