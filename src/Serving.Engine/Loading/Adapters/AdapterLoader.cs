using Serving.Compute.Adapters;
using Serving.Core.Adapters;
using Serving.Engine.Loading.Peft;

namespace Serving.Engine.Loading.Adapters;

/// <summary>An adapter as it was read: how its files looked, what it came to, and its matrices on success.</summary>
internal readonly record struct LoadedAdapter(AdapterStamp? Stamp, AdapterLoadOutcome Outcome, AdapterWeights? Weights);

/// <summary>
/// Reads adapters from disk, a few at once. Files that change while they are read are read again: what comes back is one moment's content,
/// old or new, never part of each.
/// </summary>
internal sealed class AdapterLoader(AdapterStoreOptions options, HostCache cache)
{
    /// <summary>
    /// Age below which a file may still be changing under the same stamp: file systems stamp changes with a clock that ticks every 1 to 10 ms.
    /// </summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(25);

    private const int MaxAttempts = 20;

    /// <summary>Attempts before a file that is missing or locked counts as that: one that is being replaced is, for a moment.</summary>
    private const int PatientAttempts = 4;

    private readonly SemaphoreSlim _loads = new(options.ConcurrentLoads);
    private readonly long _maxWeightBytes = PeftAdapterReader.MaxWeightBytes(options.Program);

    /// <summary>Reads an adapter from its folder; the outcome carries every failure.</summary>
    public async Task<LoadedAdapter> LoadAsync(AdapterLocation location)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var stamp = AdapterStamp.Of(location.Folder, location.Reach);
            if (stamp is { } now && IsSettled(now) && await ReadAsync(location, now).ConfigureAwait(false) is { } loaded
                && (loaded.Outcome.Failure != AdapterFailure.Io || attempt >= PatientAttempts))
            {
                return loaded;
            }

            if (stamp is null && attempt >= PatientAttempts)
            {
                return Directory.Exists(location.Folder)
                    ? Failed(null, AdapterFailure.Corrupt, MissingWeights(location.Folder))
                    : new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null);
            }

            await Task.Delay(SettleTime, options.Time).ConfigureAwait(false);
        }

        return Failed(null, AdapterFailure.Replaced, "the adapter's files keep changing while they are read");
    }

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

    private bool IsSettled(AdapterStamp stamp) => (options.Time.GetUtcNow().UtcDateTime - stamp.Changed).Duration() >= SettleTime;

    private async Task<LoadedAdapter?> ReadAsync(AdapterLocation location, AdapterStamp stamp)
    {
        await _loads.WaitAsync().ConfigureAwait(false);
        try
        {
            if (AdapterFiles.Read(location.Folder, location.Reach, stamp, _maxWeightBytes) is not var (config, weights))
            {
                return null;
            }

            var adapter = PeftAdapterReader.Read(config, weights, options.Program);
            cache.Add(adapter.Digest, adapter.Weights, adapter.SizeBytes);
            var reference = new AdapterRef(adapter.Digest, options.PageCount(adapter.Weights), adapter.SizeBytes);
            return new LoadedAdapter(stamp, AdapterLoadOutcome.Ready(reference), adapter.Weights);
        }
        catch (AdapterFormatException e)
        {
            return Failed(stamp, e.Failure, e.Message);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Failed(stamp, AdapterFailure.Io, "the adapter's files cannot be read");
        }
        finally
        {
            _loads.Release();
        }
    }
}
