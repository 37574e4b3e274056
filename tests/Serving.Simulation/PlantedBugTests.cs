using Serving.Core.Scheduling;
using Serving.Simulation.Runs;

namespace Serving.Simulation;

/// <summary>The proof that the simulation would find a mistake: each one that can be planted in the core is found.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const int Seeds = 300;
    private const int Steps = 2000;

    /// <summary>All but those that only two tenants with a backlog can show: see <see cref="FairnessTests"/>.</summary>
    public static TheoryData<string> Bugs => [.. Enum.GetValues<PlantedBug>().Where(static bug => bug is not PlantedBug.None and not PlantedBug.UnfairCharge and not PlantedBug.NoLift).Select(static bug => bug.ToString())];

    [Theory]
    [MemberData(nameof(Bugs))]
    public void Run_PlantedBug_IsFound(string name)
    {
        var found = Campaign.Find(Enum.Parse<PlantedBug>(name), first: 1, Seeds, Steps);

        Assert.True(found is not null, $"{name} was not found in {Seeds} seeds of {Steps} steps");
        output.WriteLine($"| {name} | seed {found.Settings.Seed} | step {found.Steps} | {found.Message.Split('\n')[0]} |");
    }
}
