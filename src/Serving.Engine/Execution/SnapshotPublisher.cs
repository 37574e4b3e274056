using System.Security.Cryptography;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Execution;

/// <summary>Publishes the engine's state between steps, at most every 50 ms, as one immutable object that any thread may read.</summary>
public sealed class SnapshotPublisher
{
    private const long IntervalMicroseconds = 50_000;

    /// <summary>Looking through the adapters' folders is not done more often than this.</summary>
    private const long CountMicroseconds = 5_000_000;

    /// <summary>Digits of an opaque id: enough that two adapters never share one.</summary>
    private const int OpaqueDigits = 16;

    /// <summary>Longest wait for the first count: the engine starts without the disk, and counts again.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(1);

    private readonly AdapterDirectory _directory;
    private readonly ResidencyLoader _loader;
    private readonly long _pageBytes;
    private readonly byte[] _opaqueKey = RandomNumberGenerator.GetBytes(Digest.SizeBytes);
    private volatile EngineSnapshot _current;
    private Task<int?>? _counting;
    private int _registered;
    private long _counted = -CountMicroseconds;
    private long _published;

    /// <summary>Creates a publisher.</summary>
    /// <param name="directory">Knows adapters' names.</param>
    /// <param name="loader">Counts what was packed.</param>
    /// <param name="pageBytes">Bytes of a page.</param>
    public SnapshotPublisher(AdapterDirectory directory, ResidencyLoader loader, long pageBytes)
    {
        ArgumentNullException.ThrowIfNull(directory);
        _directory = directory;
        _loader = loader;
        _pageBytes = pageBytes;
        _counting = directory.CountAsync();
        _ = Task.WaitAny([_counting], StartPatience);
        _registered = Counted() ?? 0;
        _current = new EngineSnapshot { RegisteredAdapters = _registered };
    }

    /// <summary>The last published state.</summary>
    public EngineSnapshot Current => _current;

    /// <summary>Publishes the state, unless it was published just now and nothing forces it.</summary>
    public void Publish(Scheduler scheduler, OutputSink sink, long now, bool force)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(sink);
        if (!force && now - _published < IntervalMicroseconds)
        {
            return;
        }

        _published = now;
        CountRegistered(now);
        _current = Take(scheduler.Snapshot(), sink);
    }

    // The count walks folders, so it is taken on another thread and shown when it is there.
    private void CountRegistered(long now)
    {
        _registered = Counted() ?? _registered;

        // One at a time: a file system that hangs takes one thread.
        if (_counting is null && now - _counted >= CountMicroseconds)
        {
            _counted = now;
            _counting = Task.Run(_directory.CountAsync);
        }
    }

    private int? Counted()
    {
        if (_counting is not { IsCompleted: true } done)
        {
            return null;
        }

        _counting = null;
        return done.IsCompletedSuccessfully ? done.Result : null;
    }

    private EngineSnapshot Take(SchedulerSnapshot state, OutputSink sink)
    {
        var adapters = new AdapterStatus[state.Adapters.Count];
        long used = 0;
        for (var i = 0; i < adapters.Length; i++)
        {
            var adapter = state.Adapters[i];
            var known = _directory.Find(adapter.Digest);
            used += adapter.Pages == 0 ? 0 : known?.Adapter.SizeBytes ?? adapter.Pages * _pageBytes;
            adapters[i] = new AdapterStatus(
                known?.Handle.ToString() ?? "(unloaded)",
                OpaqueId(adapter.Digest),
                StateOf(adapter.State),
                adapter.Pages,
                adapter.Users,
                adapter.Waiters,
                known?.Rank ?? 0);
        }

        return new EngineSnapshot
        {
            Waiting = state.Waiting,
            Running = state.Running,
            FreePages = state.FreePages,
            SequencePages = state.LeasedPages - state.AdapterPages - state.ModulePages,
            StatePages = state.StatePages,
            CachedPages = state.CachedPages,
            AdapterPages = state.AdapterPages,
            ModulePages = state.ModulePages,
            PinnedModulePages = state.PinnedPages,
            Modules = state.Modules,
            EncodingModules = state.EncodingModules,
            ModuleHostBytes = state.HostPages * _pageBytes,
            ModuleHits = state.ModuleHits,
            ModuleEncodes = state.ModuleEncodes,
            ModuleLoads = state.ModuleLoads,
            ModuleEvictions = state.ModuleEvictions,
            TotalPages = state.TotalPages,
            AdapterPageWaste = state.AdapterPages == 0 ? 0 : 1 - (used / ((double)state.AdapterPages * _pageBytes)),
            Steps = state.Steps,
            Preemptions = state.Preemptions,
            DraftedTokens = state.DraftedTokens,
            AcceptedDrafts = state.AcceptedDrafts,
            PrefixCacheQueries = state.PrefixQueries,
            PrefixCacheHits = state.PrefixHits,
            PromptTokens = state.Tenants.Sum(tenant => tenant.InputTokens) + state.PrefixHits + state.ModuleHitTokens,
            GenerationTokens = sink.GeneratedTokens,
            AdapterLoads = _loader.Loads,
            AdapterEvictions = state.AdapterEvictions,
            AdapterLoadBytes = _loader.Pages * _pageBytes,
            RegisteredAdapters = _registered,
            AdapterDisk = _directory.Disk,
            Adapters = adapters,
            Tenants = [.. state.Tenants.Select(tenant => new TenantStatus(tenant.Id.Value, tenant.Running, tenant.Waiting, tenant.InputTokens, tenant.OutputTokens))],
        };
    }

    private static string StateOf(AdapterState state) => state switch
    {
        AdapterState.Resident => "resident",
        AdapterState.Loading => "loading",
        _ => "waiting",
    };

    // Keyed, so that nobody who knows an adapter's files can find it in another tenant's metrics.
    private string OpaqueId(Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        digest.CopyTo(bytes);
        Span<byte> hash = stackalloc byte[Digest.SizeBytes];
        HMACSHA256.HashData(_opaqueKey, bytes, hash);
        return "a" + Convert.ToHexStringLower(hash)[..OpaqueDigits];
    }
}
