using Serving.Core.Adapters;

namespace Serving.Core.Scheduling;

/// <summary>Takes a picture of a scheduler.</summary>
internal static class Snapshots
{
    /// <summary>The scheduler now.</summary>
    public static SchedulerSnapshot Take(SchedulerState state, long steps)
    {
        var adapters = new List<AdapterSnapshot>();
        var pages = 0;
        foreach (var entry in state.Adapters.Slots)
        {
            if (entry is not null)
            {
                pages += entry.Adapter.PageCount;
                adapters.Add(Of(entry, state.Adapters));
            }
        }

        AddAwaited(state, adapters);
        var tenants = new List<TenantSnapshot>(state.Queue.Tenants.Count);
        foreach (var tenant in state.Queue.Tenants)
        {
            tenants.Add(new TenantSnapshot(tenant.Tenant.Id, tenant.Running, tenant.Count, tenant.InputTokens, tenant.OutputTokens, tenant.Counter));
        }

        return new SchedulerSnapshot
        {
            Waiting = state.Queue.Count,
            Running = state.Running.Count - state.Encoding,
            Requests = state.Requests.Count,
            TotalPages = state.Pool.TotalCount,
            FreePages = state.Pool.FreeCount,
            LeasedPages = state.Pool.LeasedCount,
            CachedPages = state.Pool.CachedCount,
            AdapterPages = pages,
            StatePages = state.Running.Count * state.Options.StateVersionPages,
            StateSnapshots = state.Cache.StateSnapshots?.Count ?? 0,
            StateSnapshotsTaken = state.Cache.StateSnapshots?.Taken ?? 0,
            StateSnapshotEvictions = state.Cache.StateSnapshots?.Evictions ?? 0,
            Modules = state.Modules.Count,
            EncodingModules = state.Encoding,
            ModulePages = state.Modules.Pages,
            PinnedPages = state.PinnedPages,
            HostPages = state.Modules.Host.UsedPages,
            ModuleHits = state.ModuleHits,
            ModuleHitTokens = state.ModuleHitTokens,
            ModuleEncodes = state.Modules.Encodes,
            ModuleLoads = state.Modules.Loads,
            ModuleEvictions = state.Modules.Evictions,
            Steps = steps,
            Preemptions = state.Marks.Preempted,
            DraftedTokens = state.DraftedTokens,
            AcceptedDrafts = state.AcceptedDrafts,
            PrefixQueries = state.PrefixQueries,
            PrefixHits = state.PrefixHits,
            PrefixEvictions = state.Cache.Evictions,
            AdapterLoads = state.Adapters.LoadsOrdered,
            AdapterEvictions = state.Adapters.Evictions,
            Adapters = adapters,
            Tenants = tenants,
        };
    }

    // Adapters that someone in the queue needs and that are not on their way yet, in the order of the queues.
    private static void AddAwaited(SchedulerState state, List<AdapterSnapshot> adapters)
    {
        var seen = new HashSet<AdapterEntry>();
        foreach (var tenant in state.Queue.Waiting)
        {
            for (var place = 0; place < tenant.Count; place++)
            {
                if (tenant[place].Adapter is { State: AdapterState.Registered } entry && seen.Add(entry))
                {
                    adapters.Add(Of(entry, state.Adapters) with { Pages = 0 });
                }
            }
        }
    }

    private static AdapterSnapshot Of(AdapterEntry entry, AdapterResidency residency) => new(
        entry.Adapter.Digest, entry.State, entry.Slot, entry.Adapter.PageCount, entry.Users, entry.Waiters, residency.IdleValueOf(entry));
}
