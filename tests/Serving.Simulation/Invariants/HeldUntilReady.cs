using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// A constrained sequence gets rows only when it is known what it may sample next, or a token of it is pending; that is asked of no other, and not while the plan with that token is in flight.
/// </summary>
internal sealed class HeldUntilReady() : Invariant("28 held until ready")
{
    /// <inheritdoc/>
    public override void OnReadiness(World world, SequenceTrack track)
    {
        var late = world.Device.InFlight == 2 && IsLate(world.Device.Newest.Plan!, track);
        if (!track.Owner.Request.Sampling.IsConstrained || track.Ended || (IsPending(world, track) && !late && !IsWithdrawn(world, track)))
        {
            throw Violated($"{NameOf(track)} is asked whether it is ready: ended {track.Ended}, pending {IsPending(world, track)}");
        }

        Hit(world, Mark.Withdrawn, late && FakeMasks.Holds(world, track));
    }

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        for (var index = 0; index < plan?.Sequences.Length; index++)
        {
            var track = World.TrackOf(plan.Sequences[index].Sequence);
            if (FakeMasks.Holds(world, track) && !IsLate(plan, track))
            {
                throw Violated($"plan {plan.Number} has rows of {NameOf(track)}, which is not ready");
            }
        }

        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                NoteWithdrawn(world, track, plan);
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
        Hit(world, Mark.WithdrawnEnded, IsWithdrawn(world, track));

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

    private static void NoteWithdrawn(World world, SequenceTrack track, StepPlan? plan)
    {
        if (!IsWithdrawn(world, track))
        {
            return;
        }

        Hit(world, Mark.WithdrawnPreempted, track.Sequence!.Status == SequenceStatus.Preempted);
        for (var index = 0; index < plan?.Sequences.Length; index++)
        {
            Hit(world, Mark.WithdrawnAgain, plan.Sequences[index].Sequence == track.Sequence);
        }
    }

    // Whether a plan in flight has an output of it that was to be sampled ahead and does not count.
    private static bool IsWithdrawn(World world, SequenceTrack track)
    {
        for (var flight = 0; flight < world.Device.InFlight && !track.Ended; flight++)
        {
            var found = flight == 0 ? world.Device.Oldest : world.Device.Newest;
            var plan = found.Plan!;
            if (found.Masked is { } masked && Array.Exists(found.Late, output => plan.Sequences[plan.Outputs[output].SequenceIndex].Sequence == track.Sequence && !masked.Contains(output)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsLate(StepPlan plan, SequenceTrack track)
    {
        foreach (var output in plan.LateOutputs)
        {
            if (plan.Sequences[plan.Outputs[output].SequenceIndex].Sequence == track.Sequence)
            {
                return true;
            }
        }

        return false;
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
