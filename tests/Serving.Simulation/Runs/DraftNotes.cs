using Serving.Core.Requests;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>Takes note of the rare things that guesses of coming tokens lead to.</summary>
internal static class DraftNotes
{
    /// <summary>Notes a token that was reported for an output of the plan under completion.</summary>
    public static void Take(World world, SequenceTrack track, int token, int output)
    {
        var plan = world.Device.Oldest.Plan!;
        var planned = plan.Sequences[plan.Outputs[output].SequenceIndex];
        var last = planned.FirstRow + planned.RowCount - 1;
        var row = plan.Outputs[output].Row;
        var drafted = row > last - planned.DraftCount;
        Hit(world, Mark.DraftRight, drafted);
        Hit(world, Mark.DraftWrong, planned.DraftCount > 0 && row < last && plan.TokenIds[row + 1] != token);
        Hit(world, Mark.EndedByDraft, drafted && track.Closing);
        Hit(world, Mark.DraftPreempted, drafted && planned.Sequence.Status == SequenceStatus.Preempted);
    }

    private static void Hit(World world, Mark mark, bool seen)
    {
        if (seen)
        {
            world.Marks.Hit(mark);
        }
    }
}
