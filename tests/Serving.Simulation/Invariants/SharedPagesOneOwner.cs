using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>All sequences that a page is shared by belong to one tenant, unless it is a public module's, and run on one adapter.</summary>
internal sealed class SharedPagesOneOwner(int pages) : Invariant("05 one adapter and tenant per page")
{
    private readonly SequenceTrack?[] _owner = new SequenceTrack?[pages];
    private readonly long[] _plan = new long[pages];

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        foreach (ref readonly var planned in plan.Sequences)
        {
            var track = World.TrackOf(planned.Sequence);
            foreach (var entry in plan.Pages.Slice(planned.FirstPage, planned.PageCount))
            {
                var page = entry.Page.Value;
                if (_plan[page] == plan.Number + 1 && !SameOwner(_owner[page]!, track, world.Pages.SaltAt(entry.Page, 0) == FakePages.PublicSalt))
                {
                    throw Violated($"plan {plan.Number}: page {page} is shared by {_owner[page]!.Owner.Request.Id.Value} and {track.Owner.Request.Id.Value}");
                }

                _plan[page] = plan.Number + 1;
                _owner[page] = track;
            }
        }
    }

    private static bool SameOwner(SequenceTrack one, SequenceTrack other, bool isPublic) =>
        (isPublic || one.Owner.Request.Tenant.Salt == other.Owner.Request.Tenant.Salt) && one.Owner.Request.Adapter?.Digest == other.Owner.Request.Adapter?.Digest;
}
