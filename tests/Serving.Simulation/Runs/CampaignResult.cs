using System.Text;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>How a campaign went.</summary>
/// <param name="Runs">One result per seed.</param>
/// <param name="Marks">Rare things seen, over all seeds.</param>
internal sealed record CampaignResult(IReadOnlyList<RunResult> Runs, MarkSet Marks)
{
    private const int Shown = 5;

    /// <summary>The seeds in which something was violated.</summary>
    public IReadOnlyList<RunResult> Failures => [.. Runs.Where(static run => !run.Passed)];

    /// <summary>Totals in one line.</summary>
    public string Summary => $"{Runs.Count} seeds, {Runs.Sum(static run => (long)run.Steps)} steps, {Runs.Sum(static run => run.Requests)} requests, {Runs.Sum(static run => run.Tokens)} tokens; {Marks}";

    /// <summary>The first failures, each shrunk, and a line for every other.</summary>
    public string Report()
    {
        var text = new StringBuilder();
        var shown = new HashSet<string>();
        foreach (var run in Failures)
        {
            if (shown.Count < Shown && shown.Add(run.Violation!))
            {
                text.AppendLine(run.ToString()).AppendLine("shrunk:").AppendLine(Shrinker.Shrink(run).ToString());
            }
            else
            {
                text.AppendLine($"seed={run.Settings.Seed}: {run.Message.Split('\n')[0]}");
            }
        }

        return text.ToString();
    }
}
