using Serving.Core.Memory;
using Serving.Simulation.Model;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Faults;

/// <summary>Pins modules and lets go of them again.</summary>
internal sealed class Pinner(SwarmSettings settings)
{
    private readonly Prng _random = new(settings.Seed, Streams.Pins);

    /// <summary>A point of the step where a tenant may change its mind.</summary>
    public void MayPin(World world)
    {
        if (!world.FaultsOn || !_random.Chance(settings.Faults.Pin))
        {
            return;
        }

        if (world.Pins.Count > 0 && _random.Chance(0.3))
        {
            Unpin(world, world.Pins[_random.Below(world.Pins.Count)]);
            return;
        }

        var tenant = world.Workload.Tenants[_random.Below(world.Workload.Tenants.Length)];
        var adapter = world.Catalog.Count > 0 && _random.Chance(0.5) ? world.Catalog[_random.Below(world.Catalog.Count)] : null;
        var module = world.Schemas.Any(_random, tenant, adapter?.Digest ?? Digest.None);
        var taken = world.Scheduler.PinModule(module, tenant, adapter);
        world.Trace.Add(TraceKind.Pin, (long)Fingerprint.Of(module.Key), module.Tokens.Count, taken ? 1 : 0);
        if (!taken)
        {
            world.Marks.Hit(Mark.PinRefused);
        }
        else if (!world.Pins.Exists(pin => pin.Module.Key == module.Key))
        {
            world.Pins.Add(new Pin(module, adapter));
        }
    }

    /// <summary>Lets go of everything.</summary>
    public static void UnpinAll(World world)
    {
        while (world.Pins.Count > 0)
        {
            Unpin(world, world.Pins[^1]);
        }
    }

    private static void Unpin(World world, Pin pin)
    {
        world.Pins.Remove(pin);
        world.Scheduler.UnpinModule(pin.Module, pin.Adapter);
    }
}
