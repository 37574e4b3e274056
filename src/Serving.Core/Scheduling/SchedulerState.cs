using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>Everything a scheduler knows; its parts (admission, packing, completion …) each change their share of it.</summary>
internal sealed class SchedulerState
{
    /// <summary>An empty scheduler's.</summary>
    public SchedulerState(SchedulerOptions options, ISchedulerSink sink)
    {
        options.Check();
        Options = options.StatePages == 0 ? options : options with { MaxDraftTokens = 0 }; // What wrong guesses leave in a recurrent state cannot be taken out again.
        Sink = sink;
        Faults = options.Faults ?? new SchedulerFaults();
        Pool = new PagePool(options.PageCount);
        Economy = new EvictionEconomy();
        Cache = new PrefixCache(Pool, Economy, options.SecondsPerToken, options.StatePages > 0)
        {
            KeepEvicted = Faults.Has(PlantedBug.StaleIndexOnEvict),
            CollideKeys = Faults.CollideKeys,
            TrustKeys = Faults.Has(PlantedBug.TrustKeys),
            EvictBeforeSnapshot = Faults.Has(PlantedBug.EvictBeforeSnapshot),
        };
        Supply = new PageSupply(Pool, Cache, Economy);
        Adapters = new AdapterResidency(options.AdapterSlots, Supply, Economy, options.SecondsPerAdapterByte)
        {
            Unpinned = Faults.Has(PlantedBug.UnpinnedAdapter),
            KeepFailedSlot = Faults.Has(PlantedBug.LeakOnLoadFailure),
        };
        Modules = new ModuleResidency(options.PageCount, Supply, Economy, options.HostPageCount, options.SecondsPerToken, options.SecondsPerHostPage)
        {
            Index = new ModuleIndex { CollideKeys = Faults.CollideKeys, TrustKeys = Faults.Has(PlantedBug.TrustKeys) },
            Unpinned = Faults.Has(PlantedBug.UnpinnedModule),
            EvictPinned = Faults.Has(PlantedBug.EvictPinned),
            LoseHostPages = Faults.Has(PlantedBug.LoseHostPages),
        };
        Releases = new DeferredReleases(Supply, Adapters, Modules);
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

    public ModuleResidency Modules { get; }

    public DeferredReleases Releases { get; }

    public FairQueue Queue { get; }

    /// <summary>Accepted requests that have not ended; only looked up, its order decides nothing.</summary>
    public Dictionary<RequestId, RequestState> Requests { get; } = [];

    /// <summary>Sequences that hold pages, the oldest request first.</summary>
    public List<SequenceState> Running { get; }

    /// <summary>Requests that wait for their first admission.</summary>
    public int QueuedRequests { get; set; }

    /// <summary>Drafts that were computed.</summary>
    public long DraftedTokens { get; set; }

    /// <summary>Those that came true before anything ended their sequence: so many tokens came without a step of their own.</summary>
    public long AcceptedDrafts { get; set; }

    /// <summary>Prompt tokens that admissions looked up in the prefix cache.</summary>
    public long PrefixQueries { get; set; }

    /// <summary>Prompt tokens that they found.</summary>
    public long PrefixHits { get; set; }

    /// <summary>Prompt tokens that admissions found in modules which were not encoded for them.</summary>
    public long ModuleHitTokens { get; set; }

    /// <summary>Imports that admissions found so.</summary>
    public long ModuleHits { get; set; }

    /// <summary>Pages that pinned modules take, or will.</summary>
    public int PinnedPages { get; set; }

    /// <summary>Sequences running that compute a module.</summary>
    public int Encoding { get; private set; }

    /// <summary>Whether it is known what a sequence may sample behind the tokens that it has.</summary>
    public bool KnowsAllowed(SequenceState state) => !state.IsConstrained || Faults.Has(PlantedBug.IgnoreReadiness) || Sink.IsReady(state.Sequence);

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
        Encoding += state.Module is null ? 0 : 1;
        state.Request.Tenant.Running += state.Module is null ? 1 : 0;
    }

    /// <summary>Takes a sequence from the running ones; pages and pin are given back as soon as no plan in flight can name them.</summary>
    public void Stop(SequenceState state)
    {
        Running.Remove(state);
        Encoding -= state.Module is null ? 0 : 1;
        state.Request.Tenant.Running -= state.Module is null ? 1 : 0;
        while (state.Table.Count > 0)
        {
            Releases.Release(state.Table.RemoveLast());
        }

        DropCopySource(state);
        state.States?.Release(Releases);
        if (state.Adapter is { } adapter)
        {
            Releases.Unpin(adapter);
            state.Adapter = null;
        }

        foreach (var import in state.Imports)
        {
            Releases.Unpin(import);
        }

        state.Imports = [];
        state.Epoch++;
        state.PlannedRows = 0;
        state.PlannedDrafts = 0;
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

    /// <summary>Gives a sequence the pages of what it imports: read only, and kept by it and by every plan that names them.</summary>
    public void Splice(SequenceState state)
    {
        foreach (var entry in state.Imports)
        {
            var left = entry.Module.Tokens.Count;
            foreach (var page in entry.Lease!.Pages)
            {
                Supply.Share(page);
                state.Table.Splice(page, Math.Min(left, PagePool.SlotsPerPage));
                left -= PagePool.SlotsPerPage;
            }

            Modules.Pin(entry);
            entry.Uses++;
        }
    }

    /// <summary>Counts a queued sequence among those that wait for its adapter and its modules.</summary>
    public void Await(SequenceState state)
    {
        state.Adapter = state.Sequence.Request.Adapter is { } adapter ? Adapters.AddWaiter(adapter) : null;
        if (state.Sequence.Request.Imports.Count > 0)
        {
            (state.Imports, state.Wanted) = Wants(state.Sequence.Request);
        }
    }

    /// <summary>Ends the waiting for modules; an encoding that nobody waits for any more stops.</summary>
    public void StopWaiting(SequenceState state)
    {
        foreach (var entry in state.Wanted)
        {
            if (entry is { Waiters: 1, State: ModuleState.Encoding, Pinned: false })
            {
                StopEncoding(entry);
            }
            else if (Faults.Has(PlantedBug.LoseSharedEncode) && Running.Find(running => running.Module == entry) is { } encoding)
            {
                Stop(encoding);
                encoding.Sequence.Status = SequenceStatus.Finished;
            }

            Modules.RemoveWaiter(entry);
        }

        state.Wanted = [];
    }

    /// <summary>A module's encoding gives up; what it computed is lost.</summary>
    public void StopEncoding(ModuleEntry entry)
    {
        var encoding = Running.Find(running => running.Module == entry) ?? throw new InvalidOperationException("A module is encoding and nobody computes it.");
        Marks.EncodesStopped++;
        Stop(encoding);
        encoding.Sequence.Status = SequenceStatus.Finished;
        Modules.AbortEncode(entry);
    }

    // The imports, and the same with all that they stand on before them, each once.
    private (ModuleEntry[] Imports, ModuleEntry[] Wanted) Wants(Request request)
    {
        var adapter = request.Adapter?.Digest ?? Digest.None;
        var seen = new HashSet<ModuleRef>(ReferenceEqualityComparer.Instance);
        var entries = new HashSet<ModuleEntry>();
        var wanted = new List<ModuleEntry>();
        var imports = new ModuleEntry[request.Imports.Count];
        for (var i = 0; i < imports.Length; i++)
        {
            imports[i] = Want(request.Imports[i]);
        }

        return (imports, [.. wanted]);

        ModuleEntry Want(ModuleRef module)
        {
            if (seen.Add(module))
            {
                foreach (var before in module.Context)
                {
                    Want(before);
                }
            }

            var entry = Modules.Index.Register(module, adapter);
            if (entries.Add(entry))
            {
                ModuleResidency.AddWaiter(entry);
                wanted.Add(entry);
            }

            return entry;
        }
    }

    /// <summary>Whether <paramref name="left"/> belongs to an earlier request than <paramref name="right"/>, or is an earlier choice of the same.</summary>
    public static bool IsOlder(SequenceState left, SequenceState right)
    {
        var (a, b) = (left.Sequence.Request.Id.Value, right.Sequence.Request.Id.Value);
        return a != b ? a < b : left.Sequence.Choice < right.Sequence.Choice;
    }
}
