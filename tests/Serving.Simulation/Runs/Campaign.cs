using Serving.Core.Scheduling;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>Many seeds, side by side on all cores.</summary>
internal static class Campaign
{
    /// <summary>Runs the seeds from <paramref name="first"/> on, each as the swarm draws it.</summary>
    public static CampaignResult Run(ulong first, int seeds, int steps, Func<ulong, SwarmSettings>? draw = null)
    {
        var results = new RunResult[seeds];
        Parallel.For(0, seeds, index => results[index] = Simulator.Run((draw ?? SwarmDraw.Draw)(first + (ulong)index), steps));
        var marks = new MarkSet();
        foreach (var result in results)
        {
            marks.Add(result.Marks);
        }

        return new CampaignResult(results, marks);
    }

    /// <summary>The first seed that finds a planted bug, and how it shows; null when none of <paramref name="seeds"/> does.</summary>
    public static RunResult? Find(PlantedBug bug, ulong first, int seeds, int steps)
    {
        for (var index = 0; index < seeds; index++)
        {
            var result = Simulator.Run(SwarmDraw.Draw(first + (ulong)index), steps, bug);
            if (!result.Passed)
            {
                return result;
            }
        }

        return null;
    }
}
