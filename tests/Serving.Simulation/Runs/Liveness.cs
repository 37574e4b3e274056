using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>How many steps without faults must be enough for what is left.</summary>
internal static class Liveness
{
    private const int Slack = 200;

    /// <summary>
    /// Every step computes at least one row of the oldest sequence, which is never preempted; so all tokens of all choices, twice for what preemption
    /// makes again, and a load per request are more than enough.
    /// </summary>
    public static int Bound(World world)
    {
        var tokens = 0L;
        foreach (var request in world.Live)
        {
            tokens += 4 + (4L * request.Request.Imports.Sum(static import => import.Tokens.Count)) + ((long)request.Request.Choices * (request.Request.Prompt.Count + request.Request.Sampling.MaxTokens));
        }

        return (int)(Slack + (2 * tokens));
    }
}
