using Serving.Core.Scheduling;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Runs;

/// <summary>Makes a failing run simpler as long as it fails in the same way: fewer steps and requests, fewer faults, fewer features.</summary>
internal static class Shrinker
{
    private const int MostRuns = 120;

    private static Func<SwarmSettings, SwarmSettings>[] Simplifications { get; } =
    [
        static settings => settings with { Faults = settings.Faults with { Cancel = 0 } },
        static settings => settings with { Faults = settings.Faults with { LoadDelay = 0 } },
        static settings => settings with { Faults = settings.Faults with { LoadFailure = 0 } },
        static settings => settings with { Faults = settings.Faults with { LoadHang = 0 } },
        static settings => settings with { Faults = settings.Faults with { Replace = 0 } },
        static settings => settings with { Faults = settings.Faults with { Preempt = 0 } },
        static settings => settings with { Faults = settings.Faults with { Evict = 0 } },
        static settings => settings with { Faults = settings.Faults with { StepDelay = 0 } },
        static settings => settings with { Faults = settings.Faults with { SlowReader = 0 } },
        static settings => settings with { Faults = settings.Faults with { Deadline = 0 } },
        static settings => settings with { Faults = settings.Faults with { Bubble = 0 } },
        static settings => settings with { Faults = settings.Faults with { Drain = false } },
        static settings => settings with { Faults = settings.Faults with { DeviceLost = 0 } },
        static settings => settings with { Faults = settings.Faults with { DeadEnd = 0 } },
        static settings => settings with { Constrained = 0 },
        static settings => settings with { Depth = 0 },
        static settings => settings with { Choices = 0 },
        static settings => settings with { ScorePrompt = 0 },
        static settings => settings with { EmbedPrompt = 0 },
        static settings => settings with { History = 0 },
        static settings => settings with { StopStrings = 0 },
        static settings => settings with { Priorities = 0 },
        static settings => settings with { SharedPrefix = 0 },
        static settings => settings with { Continuation = 0 },
        static settings => settings with { CollideKeys = false },
        static settings => settings with { PrefixCaching = false },
        static settings => settings with { Imports = 0 },
        static settings => settings with { StatePages = 0 },
        static settings => settings with { StatePages = Math.Min(settings.StatePages, 1) },
        static settings => settings with { HostPages = 0 },
        static settings => settings with { Faults = settings.Faults with { Pin = 0 } },
        static settings => settings with { RequestsPerMinute = 0 },
        static settings => settings with { TokensPerMinute = 0 },
        static settings => settings with { Faults = settings.Faults with { Reload = 0 } },
        static settings => settings with { Adapters = 0 },
        static settings => settings with { TenantWeights = [1] },
    ];

    /// <summary>The simplest run found that fails as <paramref name="failed"/> does.</summary>
    public static RunResult Shrink(RunResult failed)
    {
        var best = failed;
        var runs = 0;
        for (var progress = true; progress && runs < MostRuns;)
        {
            progress = false;
            foreach (var simpler in Simplifications)
            {
                progress |= runs++ < MostRuns && Try(simpler(best.Settings), ref best);
            }

            for (var requests = best.Requests; requests > 1 && runs++ < MostRuns;)
            {
                requests = Math.Min(requests - 1, requests * 3 / 4);
                if (!Try(best.Settings with { MaxRequests = (int)requests }, ref best))
                {
                    break;
                }

                progress = true;
            }
        }

        return best;
    }

    private static bool Try(SwarmSettings settings, ref RunResult best)
    {
        if (settings == best.Settings)
        {
            return false;
        }

        var result = Simulator.Run(settings, best.SafetySteps, best.Bug);
        if (result.Violation != best.Violation)
        {
            return false;
        }

        best = result;
        return true;
    }
}
