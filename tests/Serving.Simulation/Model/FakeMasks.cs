using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Model;

/// <summary>
/// When it is known what a constrained sequence may sample next: it comes and goes from one span of steps to another, whatever the scheduler does. Once there are no faults it is always known.
/// </summary>
internal static class FakeMasks
{
    /// <summary>Whether it is known in this step.</summary>
    public static bool IsReady(World world, SequenceTrack track)
    {
        var settings = world.Settings;
        if (!world.FaultsOn)
        {
            return true;
        }

        var name = ((ulong)track.Owner.Request.Id.Value << 8) | (uint)track.Choice;
        var span = ((ulong)(uint)(world.Step / settings.ReadinessSpan) << 32) | (uint)track.Emitted;
        var drawn = Mixing.Finish(Mixing.Fold(Mixing.Fold(Mixing.Fold(settings.Seed, Streams.Readiness), name), span));
        return (drawn >> 11) < settings.Readiness * (1UL << 53);
    }

    /// <summary>Whether a sequence may get no rows in this step.</summary>
    public static bool Holds(World world, SequenceTrack track) =>
        track is { Ended: false, Owner.Request.Sampling: { IsConstrained: true, MaxTokens: > 0 } } && !IsReady(world, track);
}
