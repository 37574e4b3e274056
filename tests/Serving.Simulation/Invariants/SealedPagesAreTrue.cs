using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// Every page in the prefix index holds what its key stands for: its tokens at their positions, one adapter and one tenant, that of its parent; no two pages have
/// one key; and nothing is written to it any more.
/// </summary>
internal sealed class SealedPagesAreTrue : Invariant
{
    private readonly bool _keysCollide;

    /// <summary>Of a run whose keys collide on purpose, or not.</summary>
    public SealedPagesAreTrue(bool keysCollide)
        : base("04 sealed pages are true") => _keysCollide = keysCollide;

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        var cache = world.Scheduler.State.Cache;
        foreach (ref readonly var planned in plan.Sequences)
        {
            var entries = plan.Pages.Slice(planned.FirstPage, planned.PageCount);
            for (var index = TableCursor.EntryOf(entries, planned.FirstOrdinal); index < entries.Length; index++)
            {
                if (cache.IsSealed(entries[index].Page) || IsShared(world.Scheduler.State, entries[index].Page))
                {
                    throw Violated($"plan {plan.Number}: page {entries[index].Page.Value} of {planned.Sequence.Request.Id.Value} is written and sealed or shared");
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (!full)
        {
            return;
        }

        world.Device.Execute();
        var cache = world.Scheduler.State.Cache;
        for (var index = 0; index < world.Pages.Count; index++)
        {
            if (cache.IsSealed(new PageId(index)))
            {
                Check(world, cache, new PageId(index));
            }
        }
    }

    // References given up while a plan is in flight are still counted, and one that waits for its copy reads only slots that are not written any more.
    private static bool IsShared(SchedulerState state, PageId page)
    {
        var references = state.Pool.ReferencesOf(page);
        if (references == 1)
        {
            return false;
        }

        foreach (var released in state.Releases.Pages)
        {
            references -= released == page ? 1 : 0;
        }

        foreach (var running in state.Running)
        {
            references -= running.CopySource == page ? 1 : 0;
        }

        return references != 1;
    }

    private void Check(World world, PrefixCache cache, PageId page)
    {
        var parent = cache.ParentOf(page);
        var tokens = cache.TokensOf(page);
        var positions = cache.PositionsOf(page);
        var owner = (world.Pages.AdapterAt(parent ?? page, 0), world.Pages.SaltAt(parent ?? page, 0));
        for (var slot = 0; slot < FakePages.Slots; slot++)
        {
            var holds = world.Pages.TokenAt(page, slot) == tokens[slot]
                && world.Pages.PositionAt(page, slot) == positions[slot]
                && (world.Pages.AdapterAt(page, slot), world.Pages.SaltAt(page, slot)) == owner;
            if (!holds)
            {
                throw Violated($"slot {slot} of sealed page {page.Value} holds token {world.Pages.TokenAt(page, slot)} at {world.Pages.PositionAt(page, slot)}, its key says {tokens[slot]} at {positions[slot]}");
            }
        }

        CheckKey(cache, page, parent, tokens);
    }

    private void CheckKey(PrefixCache cache, PageId page, PageId? parent, ReadOnlySpan<int> tokens)
    {
        if (!_keysCollide && parent is { } before && cache.KeyOf(page) != PrefixKeys.Next(cache.KeyOf(before), tokens, cache.PositionsOf(page)))
        {
            throw Violated($"the key of page {page.Value} does not follow from its parent's and its tokens");
        }
    }
}
