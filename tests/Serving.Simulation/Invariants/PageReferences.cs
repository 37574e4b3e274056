using Serving.Core.Memory;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A page has as many references as page tables, recurrent states, pending copies, adapters, modules and releases held back name it.</summary>
internal sealed class PageReferences(int pages) : Invariant("02 references are holders")
{
    private readonly int[] _holders = new int[pages];

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (!full)
        {
            return;
        }

        var state = world.Scheduler.State;
        Array.Clear(_holders);
        foreach (var running in state.Running)
        {
            foreach (var page in running.Table.Pages)
            {
                _holders[page.Value]++;
            }

            foreach (var page in running.States is { } states ? [.. states.Pages, .. states.Snapshot] : Array.Empty<PageId>())
            {
                _holders[page.Value]++;
            }

            if (running.CopySource is { } source)
            {
                _holders[source.Value]++;
            }
        }

        foreach (var entry in state.Adapters.Slots)
        {
            foreach (var page in entry?.Lease?.Pages ?? [])
            {
                _holders[page.Value]++;
            }
        }

        foreach (var entry in state.Modules.All)
        {
            foreach (var page in entry.Lease?.Pages ?? [])
            {
                _holders[page.Value]++;
            }
        }

        foreach (var page in state.Releases.Pages)
        {
            _holders[page.Value]++;
        }

        for (var index = 0; index < _holders.Length; index++)
        {
            if (state.Pool.ReferencesOf(new PageId(index)) != _holders[index])
            {
                throw Violated($"page {index} has {state.Pool.ReferencesOf(new PageId(index))} references and {_holders[index]} holders");
            }
        }
    }
}
