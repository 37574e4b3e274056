using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>
/// Takes snapshots of recurrent states for those who begin alike: at the last page boundary before a prompt's last token, so that the same prompt, or one that goes on from it, begins there; and
/// where the keys that were found ended, if that was beyond the snapshot found, so that of many prompts with one beginning the second takes a snapshot at its end and the third finds it. Rows
/// are cut there, so that a version holds the state behind just that token. It becomes the snapshot as it is; the sequence goes on with other pages in its place. Of few tokens
/// none is taken: computing them again takes less than the step that the cut costs.
/// </summary>
internal sealed class SnapshotTaking(SchedulerState state)
{
    private int Late => state.Faults.Has(PlantedBug.SnapshotLate) ? 1 : 0;

    /// <summary>Rows of those wanted that a plan may have: the next snapshot's boundary ends it.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="first">Ordinal of the first row.</param>
    /// <param name="rows">Rows wanted.</param>
    public int Cut(SequenceState sequence, int first, int rows)
    {
        rows = Cut(first, rows, sequence.FoundBoundary);
        return Cut(first, rows, sequence.PromptBoundary);
    }

    /// <summary>Notes where an admitted sequence is to take snapshots.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="found">Tokens of which keys were found.</param>
    /// <param name="hit">Tokens up to the snapshot found.</param>
    public void Aim(SequenceState sequence, int found, int hit)
    {
        if (state.Options.StatePages > 0 && state.Options.PrefixCaching)
        {
            var boundary = (sequence.Sequence.PromptCount - 1) / PagePool.SlotsPerPage * PagePool.SlotsPerPage;
            sequence.FoundBoundary = IsWorth(found - hit) ? found : 0;
            sequence.PromptBoundary = IsWorth(boundary - hit) ? boundary : 0;
        }
    }

    /// <summary>A plan of a sequence is complete, its full pages are sealed: takes the snapshot that is due, if nobody has taken it and the pages can be had.</summary>
    public void MayTake(SequenceState sequence)
    {
        var computed = sequence.Sequence.ComputedCount - Late;
        if (computed <= 0 || (computed != sequence.FoundBoundary && computed != sequence.PromptBoundary))
        {
            return;
        }

        var place = (computed / PagePool.SlotsPerPage) - 1;
        if (sequence.Sealed <= place)
        {
            return; // Its page, or one before it, met another content under its key.
        }

        if (state.Cache.StateSnapshots!.Of(sequence.Table[place]) is not null)
        {
            state.Marks.SnapshotsThere++;
            return;
        }

        // A page for the next row of each that runs is left, as at an admission: nobody is preempted for a snapshot. It takes its own now where its next plan is to read the snapshot,
        // since it holds more than its share until then, and must not lack that one page for it.
        var ahead = sequence.Scheduled > computed + Late && !state.Faults.Has(PlantedBug.SnapshotOfNewest);
        var more = !ahead && sequence.Table.TokenCapacity == computed ? 1 : 0;
        if (state.Supply.Obtainable < state.Options.StatePages + state.Running.Count)
        {
            state.Marks.SnapshotsForgone++;
            return;
        }

        Take(sequence, sequence.Table[place], ahead);
        if (more > 0)
        {
            var taken = state.Supply.TryTake(out var page);
            Integrity.Require(taken, "fewer pages can be had than were promised");
            sequence.Table.Add(page);
        }
    }

    private bool IsWorth(int tokens) => tokens >= Math.Max(1, state.Options.MinSnapshotTokens);

    private int Cut(int first, int rows, int boundary) => first < boundary + Late && boundary > 0 ? Math.Min(rows, boundary + Late - first) : rows;

    private void Take(SequenceState sequence, PageId page, bool ahead)
    {
        state.Marks.SnapshotsTaken++;
        state.Marks.SnapshotsTakenBehindFound += sequence.Sequence.ComputedCount == sequence.FoundBoundary ? 1 : 0;
        state.Marks.SnapshotsTakenAhead += ahead ? 1 : 0;
        if (state.Faults.Has(PlantedBug.WriteSnapshot))
        {
            state.Cache.StateSnapshots!.Add(page, (ahead ? sequence.States!.Other : sequence.States!.Newest).ToArray());
            return;
        }

        var snapshot = sequence.States!.Replace(state.Supply, ahead);
        state.Cache.StateSnapshots!.Add(page, snapshot);
        for (var i = 0; ahead && i < snapshot.Length; i++)
        {
            state.Releases.Release(snapshot[i]);
        }
    }
}
