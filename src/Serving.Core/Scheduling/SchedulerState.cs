using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>Everything a scheduler knows; its parts (admission, packing, completion …) each change their share of it.</summary>
internal sealed class SchedulerState
{
    /// <summary>An empty scheduler's.</summary>
    public SchedulerState(SchedulerOptions options, ISchedulerSink sink)
    {
        options.Check();
        Options = options;
        Sink = sink;
        Faults = options.Faults ?? new SchedulerFaults();
        Pool = new PagePool(options.PageCount);
        Economy = new EvictionEconomy();
        Cache = new PrefixCache(Pool, Economy, options.SecondsPerToken)
        {
            KeepEvicted = Faults.Has(PlantedBug.StaleIndexOnEvict),
            CollideKeys = Faults.CollideKeys,
            TrustKeys = Faults.Has(PlantedBug.TrustKeys),
        };
        Supply = new PageSupply(Pool, Cache, Economy);
        Adapters = new AdapterResidency(options.AdapterSlots, Supply, Economy, options.SecondsPerAdapterByte)
        {
            Unpinned = Faults.Has(PlantedBug.UnpinnedAdapter),
            KeepFailedSlot = Faults.Has(PlantedBug.LeakOnLoadFailure),
        };
        Releases = new DeferredReleases(Supply, Adapters);
        Queue = new FairQueue(options.InputPrice, options.OutputPrice)
        {
            Unfair = Faults.Has(PlantedBug.UnfairCharge),
            NoLift = Faults.Has(PlantedBug.NoLift),
        };
        Running = new List<SequenceState>(options.Seats);
    }

    public SchedulerOptions Options { get; }

    public SchedulerFaults Faults { get; }

    public ISchedulerSink Sink { get; }

    public SchedulerMarks Marks { get; } = new();

    public PagePool Pool { get; }

    public EvictionEconomy Economy { get; }

    public PrefixCache Cache { get; }

    public PageSupply Supply { get; }

    public AdapterResidency Adapters { get; }

    public DeferredReleases Releases { get; }

    public FairQueue Queue { get; }

    /// <summary>Accepted requests that have not ended; only looked up, its order decides nothing.</summary>
    public Dictionary<RequestId, RequestState> Requests { get; } = [];

    /// <summary>Sequences that hold pages, the oldest request first.</summary>
    public List<SequenceState> Running { get; }

    /// <summary>Requests that wait for their first admission.</summary>
    public int QueuedRequests { get; set; }

    /// <summary>Prompt tokens that admissions looked up in the prefix cache.</summary>
    public long PrefixQueries { get; set; }

    /// <summary>Prompt tokens that they found.</summary>
    public long PrefixHits { get; set; }

    /// <summary>Puts a sequence that holds its pages and its adapter's pin among the running ones.</summary>
    public void Run(SequenceState state)
    {
        var place = Running.Count;
        while (place > 0 && IsOlder(state, Running[place - 1]))
        {
            place--;
        }

        Running.Insert(place, state);
        state.Sequence.Status = SequenceStatus.Running;
        state.Request.Tenant.Running++;
    }

    /// <summary>Takes a sequence from the running ones; pages and pin are given back as soon as no plan in flight can name them.</summary>
    public void Stop(SequenceState state)
    {
        Running.Remove(state);
        state.Request.Tenant.Running--;
        while (state.Table.Count > 0)
        {
            Releases.Release(state.Table.RemoveLast());
        }

        DropCopySource(state);
        if (state.Adapter is { } adapter)
        {
            Releases.Unpin(adapter);
            state.Adapter = null;
        }

        state.Epoch++;
        state.PlannedRows = 0;
        state.Scheduled = 0;
        state.Sealed = 0;
        state.Private = false;
    }

    /// <summary>The copy that a fork waited for is ordered, or not needed any more.</summary>
    public void DropCopySource(SequenceState state)
    {
        if (state.CopySource is { } source)
        {
            Releases.Release(source);
            state.CopySource = null;
        }
    }

    /// <summary>Counts a queued sequence among those that wait for its adapter.</summary>
    public void AwaitAdapter(SequenceState state) =>
        state.Adapter = state.Sequence.Request.Adapter is { } adapter ? Adapters.AddWaiter(adapter) : null;

    /// <summary>Whether <paramref name="left"/> belongs to an earlier request than <paramref name="right"/>, or is an earlier choice of the same.</summary>
    public static bool IsOlder(SequenceState left, SequenceState right)
    {
        var (a, b) = (left.Sequence.Request.Id.Value, right.Sequence.Request.Id.Value);
        return a != b ? a < b : left.Sequence.Choice < right.Sequence.Choice;
    }
}
