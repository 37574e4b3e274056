using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The entries that a plan hands over for a sequence cover exactly its tokens: each module's pages, then full ones, then one that is partly full, no page twice, less than a page of slack.</summary>
internal sealed class TableCoversSequence(int pages) : Invariant("06 table covers sequence")
{
    private readonly long[] _seen = new long[pages];
    private long _table;

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        foreach (ref readonly var planned in plan.Sequences)
        {
            Check(plan, in planned);
        }
    }

    // The valid lengths of the imported head.
    private static List<int> Lengths(Request request)
    {
        var lengths = new List<int>();
        foreach (var import in request.Imports)
        {
            for (var left = import.Tokens.Count; left > 0; left -= FakePages.Slots)
            {
                lengths.Add(Math.Min(left, FakePages.Slots));
            }
        }

        return lengths;
    }

    private void Check(StepPlan plan, in PlannedSequence planned)
    {
        _table++;
        var length = planned.FirstOrdinal + planned.RowCount;
        var entries = plan.Pages.Slice(planned.FirstPage, planned.PageCount);
        var covered = 0;
        var lengths = Lengths(planned.Sequence.Request);
        for (var index = 0; index < entries.Length; index++)
        {
            var entry = entries[index];
            var last = index == entries.Length - 1;
            var right = index < lengths.Count ? !last && entry.ValidLength == lengths[index] : last ? entry.ValidLength is >= 1 and <= FakePages.Slots : entry.ValidLength == FakePages.Slots;
            if (!right || (uint)entry.Page.Value >= (uint)_seen.Length || _seen[entry.Page.Value] == _table)
            {
                throw Violated($"plan {plan.Number}: entry {index} of {entries.Length} of {planned.Sequence.Request.Id.Value} is page {entry.Page.Value} with {entry.ValidLength}");
            }

            _seen[entry.Page.Value] = _table;
            covered += entry.ValidLength;
        }

        if (covered != length)
        {
            throw Violated($"plan {plan.Number}: pages of {planned.Sequence.Request.Id.Value} cover {covered} of {length} tokens");
        }
    }
}
