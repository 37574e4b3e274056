using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// With nothing in flight and no load or copy to wait for, a scheduler that has requests has a plan: everything idle can be evicted to make room. And a plan leaves neither
/// rows nor seats empty while a request waits that needs no load and pages abound. Who is held, for it is not known what its constraint allows, wants no rows, and may keep others from what it has.
/// </summary>
internal sealed class WorkConserving() : Invariant("12 work conserving")
{
    private long _preemptions;

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null && world.Device.InFlight == 0 && world.PendingLoads == 0 && world.Live.Count > 0 && !AwaitsTheHeld(world))
        {
            throw Violated($"no plan for {world.Live.Count} requests, the first is {world.Live[0].Request.Id.Value}");
        }

        var state = world.Scheduler.State;
        var preempted = state.Marks.Preempted != _preemptions;
        _preemptions = state.Marks.Preempted;
        var full = plan is not null && plan.RowCount >= world.Settings.MaxBatchedTokens;
        if (preempted || full || state.Running.Count >= Math.Min(world.Settings.MaxSequences, world.Settings.MaxBatchedTokens))
        {
            return;
        }

        CheckNobodyCouldStart(world, state);
    }

    // Held ones that run have pages and seats; those that wait keep their adapters and modules; and there may be no others but choices that wait for the first one's prompt.
    private static bool AwaitsTheHeld(World world)
    {
        var others = false;
        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                var held = FakeMasks.Holds(world, track);
                if (held && (track.Sequence!.Status == SequenceStatus.Running || request.Request.Adapter is not null || request.Request.Imports.Count > 0))
                {
                    return true;
                }

                others |= !held && !track.Ended && (track.Choice == 0 || world.Scheduler.State.Requests[request.Request.Id].Forked);
            }
        }

        return !others;
    }

    private void CheckNobodyCouldStart(World world, SchedulerState state)
    {
        var needed = 0L;
        var waiting = 0L;
        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                needed += PagePool.PagesFor(request.Request.Prompt.Count + request.Request.Sampling.MaxTokens) + 1 + (3 * world.Settings.StatePages);
            }

            var fresh = !request.Started;
            waiting += fresh && !FakeMasks.Holds(world, request.Tracks[0]) ? request.Request.Id.Value : 0;
            if (fresh && (request.Request.Adapter is not null || request.Request.Imports.Count > 0))
            {
                return;
            }

            if (!fresh && Array.Exists(request.Tracks, static track => !track.Ended && track.Sequence!.Status != SequenceStatus.Running))
            {
                return;
            }
        }

        if (waiting > 0 && state.Supply.Obtainable >= needed)
        {
            throw Violated($"{state.Running.Count} sequences run, {state.Supply.Obtainable} pages can be had, and a request that needs nothing else waits");
        }
    }
}
