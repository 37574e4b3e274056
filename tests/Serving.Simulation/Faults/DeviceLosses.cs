using Serving.Core.Requests;
using Serving.Simulation.Failures;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Faults;

/// <summary>Loses the device with all it holds: every request must end at once; what was in flight is completed late and must count for nothing; then a fresh device serves on.</summary>
internal sealed class DeviceLosses(SwarmSettings settings)
{
    private readonly Prng _random = new(settings.Seed, Streams.Loss);

    /// <summary>A point of the step where the device may be lost.</summary>
    public void MayLose(World world)
    {
        if (!world.FaultsOn || !_random.Chance(settings.Faults.DeviceLost))
        {
            return;
        }

        world.Trace.Add(TraceKind.DeviceLost);
        if (world.Device.InFlight > 0 && world.Live.Count > 0)
        {
            world.Marks.Hit(Mark.DeviceLost);
        }

        world.Losses++;
        world.Device.Execute();
        world.Scheduler.Fail(RequestError.EngineFailed);
        if (world.Live.Count > 0 || !world.Scheduler.IsIdle)
        {
            throw new InvariantViolation("20 a lost device ends all", $"{world.Live.Count} requests live on, idle {world.Scheduler.IsIdle}");
        }

        for (; world.Device.InFlight > 0; world.Device.Retire())
        {
            world.Scheduler.Complete(world.Device.Oldest.Plan!, world.Device.Oldest.Tokens, world.Now);
        }

        world.Pages.Wipe();
        world.Host.Wipe();
    }
}
