using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Model;

/// <summary>Guesses of coming tokens: what the oracle says, now and then something else, as far as a drawn length; what is said of their chances is drawn too.</summary>
internal static class FakeDrafts
{
    /// <summary>Guesses for a sequence.</summary>
    public static int Propose(World world, SequenceTrack track, Span<Draft> drafts)
    {
        var settings = world.Settings;
        var name = ((ulong)track.Owner.Request.Id.Value << 8) | (uint)track.Choice;
        var random = new Prng(Mixing.Fold(Mixing.Fold(settings.Seed, name), ((ulong)(uint)world.Step << 32) | (uint)track.Emitted), Streams.Drafts);
        var future = track.Oracle.Fork();
        var count = random.Between(0, drafts.Length);
        for (var i = 0; i < count; i++)
        {
            var right = future.Next.End is null && random.Chance(settings.DraftAccuracy);
            drafts[i] = new Draft(right ? future.Next.Token : random.Below(settings.Vocabulary), (float)random.Unit());
            if (future.Next.End is null)
            {
                future.Advance();
            }
        }

        return count;
    }
}
