using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The snapshot says what the simulation counted itself: requests, running sequences, pages, adapters, and what every tenant was given.</summary>
internal sealed class GaugesAreTrue(int tenants) : Invariant("18 gauges are true")
{
    private readonly long[] _outputs = new long[tenants];

    /// <inheritdoc/>
    public override void OnToken(World world, SequenceTrack track, int token, int output) => _outputs[TenantOf(world, track)]++;

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error) =>
        _outputs[TenantOf(world, track)] += stopToken is null ? 0 : 1;

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (full)
        {
            Check(world, world.Scheduler.Snapshot());
        }
    }

    /// <inheritdoc/>
    public override void AtRest(World world)
    {
        var snapshot = world.Scheduler.Snapshot();
        Check(world, snapshot);
        var idle = snapshot is { Waiting: 0, Running: 0, Requests: 0, LeasedPages: 0, CachedPages: 0, StatePages: 0, StateSnapshots: 0 };
        if (!idle || snapshot is not { AdapterPages: 0, Adapters.Count: 0, Modules: 0, ModulePages: 0, EncodingModules: 0 })
        {
            throw Violated($"at rest {snapshot}");
        }
    }

    private static int TenantOf(World world, SequenceTrack track) => world.Workload.Tenants.IndexOf(track.Owner.Request.Tenant);

    private static bool IsTrue(World world, SchedulerSnapshot snapshot)
    {
        var running = 0;
        var waiting = 0;
        var open = 0;
        foreach (var request in world.Live)
        {
            open += request.Open;
            foreach (var track in request.Tracks)
            {
                running += track is { Ended: false, Sequence.Status: SequenceStatus.Running } ? 1 : 0;
                waiting += !track.Ended && (track.Choice == 0 || track.Started) && track.Sequence!.Status != SequenceStatus.Running ? 1 : 0;
            }
        }

        var adapterPages = 0;
        var inPool = 0;
        foreach (var adapter in snapshot.Adapters)
        {
            adapterPages += adapter.Pages;
            inPool += adapter.Slot >= 0 ? 1 : 0;
            if (adapter.Slot < 0 && adapter is not { State: AdapterState.Registered, Pages: 0, Users: 0, Waiters: > 0 })
            {
                return false;
            }
        }

        return snapshot.Requests == world.Live.Count
            && snapshot.Running == running
            && snapshot.Waiting >= waiting
            && snapshot.Waiting <= open - running
            && snapshot.TotalPages == world.Settings.Pages
            && snapshot.FreePages + snapshot.LeasedPages + snapshot.CachedPages == world.Settings.Pages
            && snapshot.AdapterPages == adapterPages
            && snapshot.StateSnapshots == snapshot.StateSnapshotsTaken - snapshot.StateSnapshotEvictions
            && snapshot.StatePages == 2 * world.Settings.StatePages * running
            && inPool <= world.Settings.AdapterSlots
            && snapshot.PrefixHits <= snapshot.PrefixQueries
            && snapshot.AcceptedDrafts <= snapshot.DraftedTokens
            && IsTrueOfModules(world, snapshot);
    }

    private static bool IsTrueOfModules(World world, SchedulerSnapshot snapshot)
    {
        var entries = world.Scheduler.State.Modules.All.ToArray();
        return snapshot.Modules == entries.Count(static entry => entry.State == ModuleState.Resident)
            && snapshot.EncodingModules == entries.Count(static entry => entry.State == ModuleState.Encoding)
            && snapshot.ModulePages == entries.Sum(static entry => entry.Lease?.Pages.Count ?? 0)
            && snapshot.HostPages == entries.Sum(static entry => entry.HostPages?.Length ?? 0);
    }

    private void Check(World world, SchedulerSnapshot snapshot)
    {
        if (!IsTrue(world, snapshot))
        {
            throw Violated($"{world.Live.Count} requests live; {snapshot}");
        }

        foreach (var tenant in snapshot.Tenants)
        {
            for (var index = 0; index < _outputs.Length; index++)
            {
                if (world.Workload.Tenants[index].Id == tenant.Id && tenant.OutputTokens != _outputs[index])
                {
                    throw Violated($"{tenant.Id.Value} is charged {tenant.OutputTokens} outputs and was given {_outputs[index]}");
                }
            }
        }
    }
}
