using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Simulation.Failures;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Faults;

/// <summary>Answers adapter loads and copies of modules after a drawn delay, with success or a drawn failure.</summary>
internal sealed class FakeLoader(SwarmSettings settings)
{
    private readonly Prng _random = new(settings.Seed, Streams.Loads);
    private readonly Prng _transferRandom = new(settings.Seed, Streams.Transfers);
    private readonly Prng _hangRandom = new(settings.Seed, Streams.Hangs);
    private readonly List<Pending> _orders = [];
    private readonly List<PendingTransfer> _transfers = [];

    /// <summary>Takes an order; the answer never comes from inside the scheduler's call.</summary>
    public void Order(World world, AdapterLoad load)
    {
        var delay = settings.Faults.LoadDelay == 0 ? 0 : _random.Below(settings.Faults.LoadDelay + 1);
        var pending = new Pending(load, delay, _random.Chance(settings.Faults.LoadFailure), world.Losses);
        if (settings.Faults.LoadHang > 0 && _hangRandom.Chance(settings.Faults.LoadHang))
        {
            pending = pending with { Steps = settings.Faults.LoadTimeout, Fails = true, Hangs = true };
        }

        _orders.Add(pending);
        world.PendingLoads = _orders.Count + _transfers.Count;
    }

    /// <summary>Takes an order to copy a module's pages.</summary>
    public void Order(World world, ModuleTransfer transfer)
    {
        var delay = settings.Faults.LoadDelay == 0 ? 0 : _transferRandom.Below(settings.Faults.LoadDelay + 1);
        _transfers.Add(new PendingTransfer(transfer, delay, _transferRandom.Chance(settings.Faults.LoadFailure), world.Losses));
        world.PendingLoads = _orders.Count + _transfers.Count;
    }

    /// <summary>Lets a step pass: answers what is due.</summary>
    public void Tick(World world)
    {
        for (var index = 0; index < _orders.Count; index++)
        {
            var order = _orders[index];
            _orders[index] = order with { Steps = world.FaultsOn ? order.Steps - 1 : -1 };
        }

        for (var index = _orders.FindIndex(static order => order.Steps < 0); index >= 0; index = _orders.FindIndex(static order => order.Steps < 0))
        {
            var order = _orders[index];
            _orders.RemoveAt(index);
            Answer(world, order);
        }

        for (var index = 0; index < _transfers.Count; index++)
        {
            _transfers[index] = _transfers[index] with { Steps = world.FaultsOn ? _transfers[index].Steps - 1 : -1 };
        }

        for (var index = _transfers.FindIndex(static order => order.Steps < 0); index >= 0; index = _transfers.FindIndex(static order => order.Steps < 0))
        {
            var order = _transfers[index];
            _transfers.RemoveAt(index);
            Answer(world, order);
        }

        world.PendingLoads = _orders.Count + _transfers.Count;
    }

    /// <summary>Whether a load of this adapter is under way.</summary>
    public bool IsLoading(AdapterRef adapter) => _orders.Exists(order => order.Load.Digest == adapter.Digest);

    private static void Answer(World world, Pending order)
    {
        var name = (long)Fingerprint.Of(order.Load.Digest);
        if (!order.Fails || !world.FaultsOn)
        {
            world.Trace.Add(TraceKind.Ready, name);
            if (order.Losses == world.Losses)
            {
                world.Slots.End(order.Load); // What went to a lost device is not on the fresh one, whatever its loader says.
            }

            world.Scheduler.AdapterReady(order.Load.Digest);
            return;
        }

        world.Trace.Add(TraceKind.LoadFailed, name);
        if (world.Live.Exists(request => request.Request.Adapter?.Digest == order.Load.Digest))
        {
            world.Marks.Hit(order.Hangs ? Mark.LoadHung : Mark.LoadFailed);
        }

        // What was ordered before the device was lost is nobody's answer any more: those who wait now get a load of their own.
        world.UnpinUnder(order.Load.Digest);
        world.Scheduler.AdapterFailed(order.Load.Digest, RequestError.AdapterUnavailable);
        if (order.Losses == world.Losses && world.Live.Find(request => request.Request.Adapter?.Digest == order.Load.Digest) is SimRequest left)
        {
            throw new InvariantViolation("09 one terminal event", $"{left.Request.Id.Value} waits on for an adapter whose load failed");
        }
    }

    private static void Answer(World world, PendingTransfer order)
    {
        var fails = order.Fails && world.FaultsOn;
        world.Trace.Add(fails ? TraceKind.TransferFailed : TraceKind.Transferred, order.Transfer.Number);
        if (fails || order.Losses != world.Losses)
        {
            world.Host.Fail(order.Transfer);
        }
        else
        {
            world.Host.End(order.Transfer);
        }

        if (fails)
        {
            Hit(world, Mark.TransferFailed, true);
            world.Scheduler.ModuleTransferFailed(order.Transfer.Number);
        }
        else
        {
            Hit(world, Mark.ModuleLoaded, !order.Transfer.ToHost);
            world.Scheduler.ModuleTransferred(order.Transfer.Number);
        }
    }

    private static void Hit(World world, Mark mark, bool seen)
    {
        if (seen)
        {
            world.Marks.Hit(mark);
        }
    }

    private readonly record struct PendingTransfer(ModuleTransfer Transfer, int Steps, bool Fails, int Losses);

    private readonly record struct Pending(AdapterLoad Load, int Steps, bool Fails, int Losses, bool Hangs = false);
}
