using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The oldest running sequence never loses its pages, and none loses them without end: so something always finishes.</summary>
internal sealed class OldestNeverPreempted() : Invariant("13 no livelock")
{
    private const int MostPreemptions = 32;

    private SequenceTrack? _oldest;

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (_oldest is { Ended: false, Sequence.Status: SequenceStatus.Preempted })
        {
            throw Violated($"{_oldest.Owner.Request.Id.Value}.{_oldest.Choice} is the oldest running one and was preempted");
        }

        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                Note(world, track);
            }
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        _oldest = null;
        if (world.Scheduler.State.Running is [{ Module: not null }, ..])
        {
            return; // The oldest running one computes a module.
        }

        foreach (var request in world.Live)
        {
            foreach (var track in request.Tracks)
            {
                if (_oldest is null && track is { Ended: false, Sequence.Status: SequenceStatus.Running })
                {
                    _oldest = track;
                }
            }
        }
    }

    private void Note(World world, SequenceTrack track)
    {
        var status = track.Ended || track.Sequence is null ? SequenceStatus.Waiting : track.Sequence.Status;
        if (status == SequenceStatus.Preempted && track.Status != SequenceStatus.Preempted)
        {
            track.Preemptions++;
            world.Marks.Hit(Mark.Preempted);
            world.Trace.Add(TraceKind.Preempted, track.Owner.Request.Id.Value, track.Choice, track.Preemptions);
            if (track.Preemptions > MostPreemptions && world.Settings.Faults.Preempt == 0)
            {
                throw Violated($"{track.Owner.Request.Id.Value}.{track.Choice} was preempted {track.Preemptions} times");
            }
        }

        track.Status = status;
    }
}
