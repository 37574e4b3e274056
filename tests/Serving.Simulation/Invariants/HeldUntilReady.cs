using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A constrained sequence gets rows only when it is known what it may sample next; that is asked of no other, and only when it has no token pending.</summary>
internal sealed class HeldUntilReady() : Invariant("28 held until ready")
{
    /// <inheritdoc/>
    public override void OnReadiness(World world, SequenceTrack track)
    {
        if (!track.Owner.Request.Sampling.IsConstrained || track.Ended || IsPending(world, track))
        {
            throw Violated($"{NameOf(track)} is asked whether it is ready: ended {track.Ended}, pending {IsPending(world, track)}");
        }
    }

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        for (var index = 0; index < plan?.Sequences.Length; index++)
        {
            var track = World.TrackOf(plan.Sequences[index].Sequence);
            if (FakeMasks.Holds(world, track))
            {
                throw Violated($"plan {plan.Number} has rows of {NameOf(track)}, which is not ready");
            }
        }

        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                if (FakeMasks.Holds(world, track) && !IsPending(world, track))
                {
                    Note(world, track, plan);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error)
    {
        // Sequences are finished before their track is told.
        if (track.Status == SequenceStatus.Running && FakeMasks.Holds(world, track) && !IsPending(world, track))
        {
            Hit(world, Mark.HeldCancelled, error == RequestError.Cancelled);
            Hit(world, Mark.HeldExpired, error == RequestError.DeadlineExceeded);
        }
    }

    private static void Note(World world, SequenceTrack track, StepPlan? plan)
    {
        var status = track.Sequence!.Status;
        var running = status == SequenceStatus.Running;
        Hit(world, Mark.Held, running && plan is not null);
        Hit(world, Mark.HeldAlone, running && plan is null && world.Device.InFlight == 0);
        Hit(world, Mark.HeldFork, running && track is { Choice: > 0, Emitted: 0 });
        Hit(world, Mark.HeldPreempted, status == SequenceStatus.Preempted && track.Status == SequenceStatus.Running);
        var free = world.Scheduler.State.Running.Count == 0 && world.Device.InFlight == 0 && world.PendingLoads == 0;
        Hit(world, Mark.HeldInQueue, status == SequenceStatus.Waiting && track.Choice == 0 && free);
    }

    private static bool IsPending(World world, SequenceTrack track)
    {
        for (var flight = 0; flight < world.Device.InFlight; flight++)
        {
            var plan = (flight == 0 ? world.Device.Oldest : world.Device.Newest).Plan!;
            foreach (var output in plan.Outputs)
            {
                if (output.TargetToken < 0 && plan.Sequences[output.SequenceIndex].Sequence == track.Sequence)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string NameOf(SequenceTrack track) => $"{track.Owner.Request.Id.Value}.{track.Choice}";

    private static void Hit(World world, Mark mark, bool seen)
    {
        if (seen)
        {
            world.Marks.Hit(mark);
        }
    }
}
