using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Core.Adapters;
using Serving.Core.Requests;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Execution;

/// <summary>Brings adapters into the pool on the thread pool while steps go on: prepared in host memory (read again if it was dropped), then copied to the leased pages.</summary>
public sealed class ResidencyLoader
{
    private readonly AdapterStore _store;
    private readonly BackendWork _work;
    private readonly Action<EngineCommand> _post;
    private readonly Action<string, Exception> _fault;
    private long _loads;
    private long _pages;

    /// <summary>Creates a loader.</summary>
    /// <param name="store">Where prepared adapters are.</param>
    /// <param name="work">Packs them, and waits for loads under way before it ends.</param>
    /// <param name="post">Tells the engine thread.</param>
    /// <param name="fault">Told what nobody foresaw.</param>
    public ResidencyLoader(AdapterStore store, BackendWork work, Action<EngineCommand> post, Action<string, Exception> fault)
    {
        _store = store;
        _work = work;
        _post = post;
        _fault = fault;
    }

    /// <summary>Adapters packed since start.</summary>
    public long Loads => Interlocked.Read(ref _loads);

    /// <summary>Pages written since start.</summary>
    public long Pages => Interlocked.Read(ref _pages);

    /// <summary>Starts a load; the scheduler allows two at a time.</summary>
    public void Start(AdapterLoad load)
    {
        ArgumentNullException.ThrowIfNull(load);
        _work.Start(() => LoadAsync(load));
    }

    private static RequestError ErrorOf(AdapterFailure failure) => failure switch
    {
        AdapterFailure.Internal => RequestError.Internal,
        AdapterFailure.Unknown or AdapterFailure.Io or AdapterFailure.Replaced or AdapterFailure.TimedOut or AdapterFailure.Busy => RequestError.AdapterUnavailable,
        _ => RequestError.AdapterInvalid,
    };

    // Whatever the end is, the engine thread hears of it: the adapter's requests wait for it.
    private async Task LoadAsync(AdapterLoad load)
    {
        EngineCommand end;
        try
        {
            end = await BringAsync(load);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            end = new AdapterFailedCommand(load.Digest, RequestError.AdapterUnavailable);
        }
        catch (ComputeException exception)
        {
            // Nobody may be running a step that would notice.
            end = new DeviceFailedCommand(exception);
        }
        catch (Exception exception)
        {
            _fault("An adapter could not be loaded; its requests end, and nothing else does.", exception);
            end = new AdapterFailedCommand(load.Digest, RequestError.Internal);
        }

        _post(end);
    }

    private async Task<EngineCommand> BringAsync(AdapterLoad load)
    {
        // The end of the engine does not wait for a disk: what comes later is nobody's.
        var (lease, failure, _) = await _store.ReloadAsync(load.Digest, _work.Ending).AsTask().WaitAsync(_work.Ending);
        using (lease)
        {
            return lease is null ? new AdapterFailedCommand(load.Digest, ErrorOf(failure)) : Pack(load, lease.Adapter);
        }
    }

    private EngineCommand Pack(AdapterLoad load, IPreparedAdapter adapter)
    {
        var pages = new int[load.Pages.Count];
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = load.Pages[i].Value;
        }

        _work.Backend.PackAdapter(load.Slot, adapter, pages);
        Interlocked.Increment(ref _loads);
        Interlocked.Add(ref _pages, pages.Length);
        return new AdapterReadyCommand(load.Digest);
    }
}
