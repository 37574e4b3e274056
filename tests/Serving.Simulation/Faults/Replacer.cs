using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Simulation.Model;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Faults;

/// <summary>Replaces adapters' content under the same name: running requests stay on the old digest, new ones get the new one.</summary>
internal sealed class Replacer(SwarmSettings settings)
{
    private readonly Prng _random = new(settings.Seed, Streams.Adapters);

    /// <summary>A point of the step where a file may change.</summary>
    public void MayReplace(World world)
    {
        if (!world.FaultsOn || world.Catalog.Count == 0 || !_random.Chance(settings.Faults.Replace))
        {
            return;
        }

        var name = _random.Below(Math.Min(world.Catalog.Count, 4));
        var old = world.Catalog.Replace(name);
        world.Trace.Add(TraceKind.Replaced, name, (long)Fingerprint.Of(old));
        if (IsInFlight(world, old))
        {
            world.Marks.Hit(Mark.ReplacedInFlight);
        }

        world.Retired.Add(old);
        world.UnpinUnder(old);
        world.Scheduler.RetireAdapter(old);
    }

    private static bool IsInFlight(World world, Digest digest) => world.Live.Exists(request =>
        request.Request.Adapter?.Digest == digest && request.Tracks[0].Sequence?.Status == SequenceStatus.Running);
}
