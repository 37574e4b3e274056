using Serving.Core.Requests;
using Serving.Simulation.Failures;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Faults;

/// <summary>Cancels requests, uniformly over the states that a request can be in: the state is drawn first, then the request.</summary>
internal sealed class Canceller(SwarmSettings settings, FakeLoader loader)
{
    private readonly Prng _random = new(settings.Seed, Streams.Cancel);
    private readonly List<SimRequest> _candidates = [];

    /// <summary>A point of the step where clients may go away.</summary>
    public void MayCancel(World world)
    {
        if (!world.FaultsOn || !_random.Chance(settings.Faults.Cancel))
        {
            return;
        }

        var state = (Mark)_random.Between((int)Mark.CancelledWaiting, (int)Mark.CancelledFinishing);
        _candidates.Clear();
        foreach (var request in world.Live)
        {
            if (StateOf(world, request) == state)
            {
                _candidates.Add(request);
            }
        }

        if (_candidates.Count > 0)
        {
            world.Marks.Hit(state);
            Cancel(world, _candidates[_random.Below(_candidates.Count)], state);
        }
    }

    /// <summary>Cancels one request, which must then be over at once, and a second time, which must not be known.</summary>
    public static void Cancel(World world, SimRequest request, Mark state)
    {
        world.Trace.Add(TraceKind.Cancel, request.Request.Id.Value, (long)state);
        var known = world.Scheduler.Cancel(request.Request.Id);
        if (!known || request.Open > 0 || world.Scheduler.Cancel(request.Request.Id))
        {
            throw new InvariantViolation("09 one terminal event", $"cancelling {request.Request.Id.Value} ({state}): known {known}, choices without an end {request.Open}");
        }
    }

    private Mark StateOf(World world, SimRequest request)
    {
        if (IsFinishing(world, request))
        {
            return Mark.CancelledFinishing;
        }

        if (!request.Started)
        {
            return request.Request.Adapter is { } adapter && loader.IsLoading(adapter) ? Mark.CancelledLoading : Mark.CancelledWaiting;
        }

        foreach (var track in request.Tracks)
        {
            if (track.Sequence?.Status == SequenceStatus.Preempted)
            {
                return Mark.CancelledPreempted;
            }
        }

        return request.Tracks[0].Emitted > 0 ? Mark.CancelledDecoding : Mark.CancelledPrefilling;
    }

    private static bool IsFinishing(World world, SimRequest request)
    {
        if (world.Device.InFlight == 0)
        {
            return false;
        }

        var plan = world.Device.Oldest.Plan!;
        foreach (var output in plan.Outputs)
        {
            var sequence = plan.Sequences[output.SequenceIndex].Sequence;
            if (ReferenceEquals(sequence.Request, request.Request) && output.TargetToken < 0 && request.Tracks[sequence.Choice].Oracle.Next.End is not null)
            {
                return true;
            }
        }

        return false;
    }
}
