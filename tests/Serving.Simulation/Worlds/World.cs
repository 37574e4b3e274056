using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Arrivals;
using Serving.Simulation.Model;
using Serving.Simulation.Modules;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Worlds;

/// <summary>The state of one run: the real scheduler, the fake device, and what the simulation knows about every request.</summary>
internal sealed class World
{
    private readonly Prng _preempt;
    private readonly Prng _evict;

    /// <summary>A world at its first step.</summary>
    /// <param name="settings">What the run is like.</param>
    /// <param name="bug">The mistake planted in the scheduler.</param>
    /// <param name="sink">Makes the scheduler's sink.</param>
    public World(SwarmSettings settings, PlantedBug bug, Func<World, ISchedulerSink> sink)
    {
        Settings = settings;
        _preempt = new Prng(settings.Seed, Streams.Preempt);
        _evict = new Prng(settings.Seed, Streams.Evict);
        Pages = new FakePages(settings.Pages);
        Slots = new AdapterSlots(settings.AdapterSlots, Pages);
        Host = new FakeHost(settings.HostPages, Pages);
        Schemas = new SchemaLibrary(settings, SchedulerSetup.Revision, bug == PlantedBug.DropModuleSalt);
        Device = new FakeDevice(Pages, Slots, Schemas, settings.Vocabulary, settings.StatePages, bug);
        Catalog = new AdapterCatalog(settings);
        Workload = new Workload(settings, Catalog, Schemas);
        Gate = new Gate(settings);
        Scheduler = new Scheduler(SchedulerSetup.Options(settings, Faults(bug)), sink(this));
    }

    /// <summary>What the run is like.</summary>
    public SwarmSettings Settings { get; }

    /// <summary>The scheduler under test.</summary>
    public Scheduler Scheduler { get; }

    /// <summary>The device's memory.</summary>
    public FakePages Pages { get; }

    /// <summary>The device's adapter slots.</summary>
    public AdapterSlots Slots { get; }

    /// <summary>The host memory behind it.</summary>
    public FakeHost Host { get; }

    /// <summary>The prompt schemas.</summary>
    public SchemaLibrary Schemas { get; }

    /// <summary>The device.</summary>
    public FakeDevice Device { get; }

    /// <summary>The adapters that exist.</summary>
    public AdapterCatalog Catalog { get; }

    /// <summary>What arrives.</summary>
    public Workload Workload { get; }

    /// <summary>Admission, in front of the scheduler.</summary>
    public Gate Gate { get; }

    /// <summary>Requests accepted and not finished, by arrival.</summary>
    public List<SimRequest> Live { get; } = [];

    /// <summary>What happened.</summary>
    public Trace Trace { get; } = new();

    /// <summary>Rare things seen.</summary>
    public MarkSet Marks { get; } = new();

    /// <summary>The clock in microseconds.</summary>
    public long Now { get; set; }

    /// <summary>Steps so far.</summary>
    public int Step { get; set; }

    /// <summary>Whether faults may happen: off in the liveness and teardown phases.</summary>
    public bool FaultsOn { get; set; } = true;

    /// <summary>Everything idle is to be evicted, one by one: the teardown phase.</summary>
    public bool EvictAll { get; set; }

    /// <summary>Whether draining has begun.</summary>
    public bool Draining { get; set; }

    /// <summary>Adapter loads and copies of modules ordered and not answered.</summary>
    public int PendingLoads { get; set; }

    /// <summary>Digests of replaced adapters.</summary>
    public HashSet<Digest> Retired { get; } = [];

    /// <summary>Modules that are pinned.</summary>
    public List<Pin> Pins { get; } = [];

    /// <summary>Keys of modules that were resident once.</summary>
    public HashSet<Digest> EverResident { get; } = [];

    /// <summary>Times the device was lost.</summary>
    public int Losses { get; set; }

    /// <summary>Requests accepted since the start.</summary>
    public long Accepted { get; private set; }

    /// <summary>Answers that ended as the oracle says, folded so that their order does not matter.</summary>
    public ulong AnswersHash { get; private set; }

    /// <summary>Takes note of an accepted request; before <c>Submit</c>, which may already report.</summary>
    public void Add(SimRequest request)
    {
        request.SubmittedAt = Now;
        Live.Add(request);
        Accepted++;
    }

    /// <summary>Forgets a request that was refused.</summary>
    public void Remove(SimRequest request)
    {
        Live.Remove(request);
        Accepted--;
    }

    /// <summary>Ties the tracks of an accepted request to the scheduler's sequences.</summary>
    public void Attach(SimRequest request)
    {
        foreach (var choice in Scheduler.State.Requests[request.Request.Id].Choices)
        {
            request.Tracks[choice.Sequence.Choice].Sequence = choice.Sequence;
            choice.Sequence.Tag = request.Tracks[choice.Sequence.Choice];
        }
    }

    /// <summary>The scheduler drops an adapter, and what is pinned under it.</summary>
    public void UnpinUnder(Digest adapter) => Pins.RemoveAll(pin => pin.Adapter?.Digest == adapter);

    /// <summary>The track of a scheduler's sequence; one that computes a module gets its own when it is first met.</summary>
    public static SequenceTrack TrackOf(Sequence sequence)
    {
        if (sequence.Tag is null && sequence.Module is not null)
        {
            sequence.Tag = new SimRequest(sequence.Request, -1, [-1], -1, 1, int.MaxValue).Tracks[0];
        }

        return (SequenceTrack)sequence.Tag!;
    }

    /// <summary>A choice ended.</summary>
    public void End(SequenceTrack track, FinishReason reason)
    {
        track.Ended = true;
        track.Reason = reason;
        if (--track.Owner.Open == 0)
        {
            Live.Remove(track.Owner);
            Gate.End(this, track.Owner);
        }

        if (reason is FinishReason.Stop or FinishReason.Length)
        {
            var name = Mixing.Finish(((ulong)track.Owner.Request.Id.Value << 8) | (uint)track.Choice);
            AnswersHash += Mixing.Fold(Mixing.Fold(name, track.AnswerHash), (ulong)reason);
        }
    }

    private SchedulerFaults Faults(PlantedBug bug) => new()
    {
        Bug = bug,
        CollideKeys = Settings.CollideKeys,
        PreemptNow = () => FaultsOn && _preempt.Chance(Settings.Faults.Preempt),
        EvictNow = () => EvictAll || (FaultsOn && _evict.Chance(Settings.Faults.Evict)),
    };
}
