using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>Takes note of the rare things that recurrent states and their snapshots lead to.</summary>
internal static class StateNotes
{
    /// <summary>Notes a plan.</summary>
    public static void Take(World world, StepPlan plan)
    {
        if (world.Scheduler.State.Cache.StateSnapshots is not { } snapshots)
        {
            return;
        }

        var marks = world.Scheduler.State.Marks;
        CatchUp(world, Mark.SnapshotTaken, marks.SnapshotsTaken);
        CatchUp(world, Mark.SnapshotTakenAhead, marks.SnapshotsTakenAhead);
        CatchUp(world, Mark.SnapshotTakenBehindFound, marks.SnapshotsTakenBehindFound);
        CatchUp(world, Mark.SnapshotForgone, marks.SnapshotsForgone);
        CatchUp(world, Mark.SnapshotTwice, marks.SnapshotsThere);
        CatchUp(world, Mark.SnapshotRead, marks.SnapshotsRead);
        CatchUp(world, Mark.SnapshotPassedOver, marks.SnapshotsPassedOver);
        CatchUp(world, Mark.KeysWithoutSnapshot, marks.KeysWithoutSnapshot);
        CatchUp(world, Mark.StateReadAgain, marks.Withdrawn);
        CatchUp(world, Mark.SnapshotEvicted, snapshots.Evictions);
        var read = new HashSet<PageId>();
        foreach (ref readonly var planned in plan.Sequences)
        {
            if (planned.StateRead >= 0 && snapshots.OwnerOf(plan.StatePages[planned.StateRead]) is { } owner)
            {
                var track = World.TrackOf(planned.Sequence);
                Hit(world, Mark.SnapshotShared, !read.Add(owner));
                Hit(world, Mark.SnapshotReadAfterPreemption, track.Preemptions > track.Resumptions);
                Hit(world, Mark.SnapshotReadByChoice, track is { Choice: > 0, Started: false });
            }
        }
    }

    private static void CatchUp(World world, Mark mark, long count)
    {
        while (world.Marks[mark] < count)
        {
            world.Marks.Hit(mark);
        }
    }

    private static void Hit(World world, Mark mark, bool seen)
    {
        if (seen)
        {
            world.Marks.Hit(mark);
        }
    }
}
