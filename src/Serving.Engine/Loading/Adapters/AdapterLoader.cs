using System.Globalization;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Core.Adapters;
using Serving.Core.Tenancy;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Turns;

namespace Serving.Engine.Loading.Adapters;

/// <summary>An adapter as it was read: how its files looked, what it came to, and the prepared adapter on success, which the caller gives back.</summary>
internal readonly record struct LoadedAdapter(AdapterStamp? Stamp, AdapterLoadOutcome Outcome, AdapterLease? Lease);

/// <summary>
/// Reads adapters from disk, checks and prepares them, a few at once. Files that change while they are read are read again: what comes back is one moment's content,
/// old or new, never part of each.
/// </summary>
internal sealed class AdapterLoader(AdapterStoreOptions options, HostCache cache)
{
    private readonly DiskThreads _disk = new();
    private long _stale;

    /// <summary>
    /// Age below which a file may still be changing under the same stamp: file systems stamp changes with a clock that ticks every 1 to 10 ms.
    /// </summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(25);

    private const int MaxAttempts = 20;

    private const string Unreadable = "the adapter's files cannot be read";

    /// <summary>Attempts before a file that is missing or locked counts as that: one that is being replaced is, for a moment.</summary>
    private const int PatientAttempts = 4;

    private readonly TenantTurns _loads = new(options.ConcurrentLoads, Math.Max(1, options.ConcurrentLoads - 1));
    private readonly long _maxWeightBytes = MaxWeightBytes(options);

    /// <summary>Bytes of the largest file that is read: one that fits the model, and where it is more than an array's, the pool too. Matrices in fp32 are twice what they take there.</summary>
    public static long MaxWeightBytes(AdapterStoreOptions options) => Math.Min(PeftAdapterReader.MaxWeightBytes(options.Program), Math.Max(Array.MaxLength, 2 * options.PoolBytes));

    /// <summary>How long a look may take, with all that it leads to.</summary>
    public TimeSpan Timeout => options.LoadTimeout;

    /// <summary>How the disk does.</summary>
    public AdapterDisk Disk => _disk.Now with { Stale = Interlocked.Read(ref _stale) };

    /// <summary>Something was taken as it was last seen.</summary>
    public void CountStale() => Interlocked.Increment(ref _stale);

    /// <summary>What those are told whose adapter's files could not be looked at or read to the end.</summary>
    public LoadedAdapter Broken(Exception exception)
    {
        switch (exception)
        {
            case OperationCanceledException or TimeoutException:
                return Late;
            case DiskBusyException:
                return Busy;
            case IOException or UnauthorizedAccessException:
                return Failed(null, AdapterFailure.Io, Unreadable);
            default:
                options.Fault("An adapter could not be read or prepared; who asked for it is told so, and nothing else happens.", exception);
                return Failed(null, AdapterFailure.Internal, "the reason is not foreseen, and is in the server's log");
        }
    }

    private static LoadedAdapter Busy => new(null, AdapterLoadOutcome.Failed(AdapterFailure.Busy, "too many of the tenant's requests wait for the adapters' files", TimeSpan.FromSeconds(1)), null);

    private LoadedAdapter Late => Failed(null, AdapterFailure.TimedOut, string.Create(CultureInfo.InvariantCulture, $"its files were not read within {options.LoadTimeout.TotalSeconds:0.###} s"));

    /// <summary>Asks the disk something, on a thread that may hang.</summary>
    public Task<T> AskAsync<T>(TenantId tenant, DiskCaller caller, Func<T> work, CancellationToken late, CancellationToken gone = default) => _disk.RunAsync(tenant, caller, work, late, gone);

    /// <summary>Whether a call of a tenant hangs.</summary>
    public bool Hangs(TenantId tenant) => _disk.Hangs(tenant);

    /// <summary>How an adapter's files look.</summary>
    public Task<AdapterStamp?> LookAsync(DiskCaller caller, AdapterLocation location, LookEnd end) =>
        _disk.RunAsync(end.Tenant, caller, () => options.Files.Look(location), end.Late);

    /// <summary>Reads an adapter from its files; the outcome carries every failure but the disk's silence.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    /// <exception cref="TimeoutException">A call for this adapter hangs.</exception>
    /// <exception cref="DiskBusyException">Too many of the tenant's calls wait.</exception>
    public async Task<LoadedAdapter> LoadAsync(DiskCaller caller, AdapterLocation location, LookEnd end)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var stamp = await LookAsync(caller, location, end).ConfigureAwait(false);
            if (stamp is { } now && IsSettled(now) && await ReadAsync(caller, location, now, end).ConfigureAwait(false) is { } loaded
                && (loaded.Outcome.Failure != AdapterFailure.Io || attempt >= PatientAttempts))
            {
                return loaded;
            }

            if (stamp is null && attempt >= PatientAttempts)
            {
                return await _disk.RunAsync(end.Tenant, caller, () => Missing(location), end.Late).ConfigureAwait(false);
            }

            await Task.Delay(SettleTime, options.Time, end.GivenUp).ConfigureAwait(false);
        }

        return Failed(null, AdapterFailure.Replaced, "the adapter's files keep changing while they are read");
    }

    private static LoadedAdapter Missing(AdapterLocation location) => location.File is null && Directory.Exists(location.Folder)
        ? Failed(null, AdapterFailure.Corrupt, MissingWeights(location.Folder))
        : new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null);

    private static LoadedAdapter Failed(AdapterStamp? stamp, AdapterFailure failure, string reason)
    {
        return new LoadedAdapter(stamp, AdapterLoadOutcome.Failed(failure, reason, TimeSpan.Zero), null);
    }

    private static string MissingWeights(string folder)
    {
        return File.Exists(Path.Combine(folder, "adapter_model.bin"))
            ? "the adapter has only adapter_model.bin; adapter_model.safetensors is needed"
            : "adapter_model.safetensors is missing";
    }

    private AdapterContent Parse(AdapterBytes bytes) => bytes.Config is { } config
        ? PeftAdapterReader.Read(config, bytes.Weights, options.Program, options.AdaptsExperts, options.AdaptsMagnitudes)
        : GgufAdapterReader.Read(bytes.Weights, options.Program, options.Architecture, options.AdaptsExperts);

    private static int RankOf(AdapterWeights weights) => weights.Slices.Select(slice => slice.Rank).DefaultIfEmpty().Max();

    private string TooLarge(AdapterWeights weights) => string.Create(
        CultureInfo.InvariantCulture,
        $"it takes {options.PreparedBytes(weights) / (double)(1 << 20):0.0} MiB of host memory, and {options.HostCacheBytes / (double)(1 << 20):0.0} MiB are set aside for all adapters (engine.adapter_cache_size)");

    private bool IsSettled(AdapterStamp stamp) => (options.Time.GetUtcNow().UtcDateTime - stamp.Changed).Duration() >= SettleTime;

    // Who gives up leaves its place to the next: what hangs then is one of the disk's threads.
    private async Task<LoadedAdapter?> ReadAsync(DiskCaller caller, AdapterLocation location, AdapterStamp stamp, LookEnd end)
    {
        await _loads.WaitAsync(end.Tenant, end.GivenUp).ConfigureAwait(false);
        try
        {
            if (await _disk.RunAsync(end.Tenant, caller, () => options.Files.Read(location, stamp, _maxWeightBytes), end.Late).ConfigureAwait(false) is not { } bytes)
            {
                return null;
            }

            end.GivenUp.ThrowIfCancellationRequested();
            var adapter = await OwnThread.RunAsync(() => Parse(bytes)).ConfigureAwait(false);
            return await cache.AddAsync(adapter.Digest, adapter.Weights, end.GivenUp).ConfigureAwait(false) is { } lease
                ? new LoadedAdapter(stamp, AdapterLoadOutcome.Ready(new AdapterRef(adapter.Digest, lease.Adapter.PageCount, adapter.SizeBytes), RankOf(adapter.Weights)), lease)
                : Failed(stamp, AdapterFailure.TooLarge, TooLarge(adapter.Weights));
        }
        catch (AdapterFormatException e)
        {
            return Failed(stamp, e.Failure, e.Message);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (AdapterRangeException e)
        {
            return Failed(stamp, AdapterFailure.Corrupt, e.Message);
        }
        catch (ComputeException)
        {
            // Whoever prepares for the store tells the engine thread what is wrong with the device.
            return Failed(stamp, AdapterFailure.Io, "the device that it is prepared for failed");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Failed(stamp, AdapterFailure.Io, Unreadable);
        }
        finally
        {
            _loads.Release(end.Tenant);
        }
    }
}
