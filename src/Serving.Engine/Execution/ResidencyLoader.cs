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
    private long _loads;
    private long _pages;

    /// <summary>Creates a loader.</summary>
    /// <param name="store">Where prepared adapters are.</param>
    /// <param name="work">Packs them, and waits for loads under way before it ends.</param>
    /// <param name="post">Tells the engine thread.</param>
    public ResidencyLoader(AdapterStore store, BackendWork work, Action<EngineCommand> post)
    {
        _store = store;
        _work = work;
        _post = post;
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
        AdapterFailure.Unknown or AdapterFailure.Io or AdapterFailure.Replaced or AdapterFailure.TimedOut => RequestError.AdapterUnavailable,
        _ => RequestError.AdapterInvalid,
    };

    private async Task LoadAsync(AdapterLoad load)
    {
        try
        {
            var (lease, failure, _) = await _store.ReloadAsync(load.Digest);
            using (lease)
            {
                _post(lease is null ? new AdapterFailedCommand(load.Digest, ErrorOf(failure)) : Pack(load, lease.Adapter));
            }
        }
        catch (IOException)
        {
            _post(new AdapterFailedCommand(load.Digest, RequestError.AdapterUnavailable));
        }
        catch (ComputeException exception)
        {
            // Nobody may be running a step that would notice.
            _post(new DeviceFailedCommand(exception));
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
