using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A request past its deadline is gone after the next <c>Schedule</c>, and none is ended for a deadline before it.</summary>
internal sealed class DeadlinesHold() : Invariant("16 deadlines")
{
    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        foreach (var request in world.Live)
        {
            if (request.Request.Deadline < world.Now)
            {
                throw Violated($"{request.Request.Id.Value} lives {world.Now - request.Request.Deadline} µs past its deadline");
            }
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        foreach (var request in world.Live)
        {
            if (request.Request.Deadline < world.Scheduler.NextDeadline)
            {
                throw Violated($"{request.Request.Id.Value} has its deadline {world.Scheduler.NextDeadline - request.Request.Deadline} µs before the one that the scheduler asks to be called at");
            }
        }
    }

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error)
    {
        if (error != RequestError.DeadlineExceeded)
        {
            return;
        }

        if (world.Now < track.Owner.Request.Deadline)
        {
            throw Violated($"{track.Owner.Request.Id.Value} ends {track.Owner.Request.Deadline - world.Now} µs before its deadline");
        }

        world.Marks.Hit(track.Owner.Started ? Mark.DeadlineRunning : Mark.DeadlineWaiting);
    }
}
