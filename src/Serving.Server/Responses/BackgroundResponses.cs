using System.Diagnostics.CodeAnalysis;
using Serving.Core.Tenancy;

namespace Serving.Server.Responses;

/// <summary>
/// The responses under way that nobody waits for, by tenant and id: so many of a tenant's at most, beside the limits that all requests have. They end with the daemon: a drain waits for them as for
/// any request, and what is left is ended when the engine is. Thread-safe.
/// </summary>
/// <param name="most">How many of a tenant's there may be.</param>
internal sealed class BackgroundResponses(int most) : IHostedService
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TenantId, Dictionary<string, BackgroundResponse>> _underWay = [];
    private bool _isStopped;

    /// <summary>Whether there may be any.</summary>
    public bool IsOn => most > 0;

    /// <summary>Takes a place for one.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="id">Its id.</param>
    /// <returns>The place, which <see cref="End"/> gives back; null where there is none.</returns>
    public BackgroundResponse? TryAdd(TenantId tenant, string id)
    {
        lock (_lock)
        {
            var own = _underWay.GetValueOrDefault(tenant) ?? [];
            if (_isStopped || own.Count >= most)
            {
                return null;
            }

            var place = new BackgroundResponse();
            own.Add(id, place);
            _underWay[tenant] = own;
            return place;
        }
    }

    /// <summary>Finds one that has been begun.</summary>
    public bool TryGet(TenantId tenant, string id, [NotNullWhen(true)] out BackgroundResponse? found)
    {
        lock (_lock)
        {
            found = _underWay.TryGetValue(tenant, out var own) && own.TryGetValue(id, out var place) && place.HasBegun ? place : null;
            return found is not null;
        }
    }

    /// <summary>Gives a place back.</summary>
    public void End(TenantId tenant, string id)
    {
        lock (_lock)
        {
            if (_underWay.TryGetValue(tenant, out var own) && own.Remove(id, out var place))
            {
                place.Dispose();
                if (own.Count == 0)
                {
                    _underWay.Remove(tenant);
                }
            }
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends those that are left.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        List<BackgroundResponse> left;
        lock (_lock)
        {
            _isStopped = true;
            left = [.. _underWay.Values.SelectMany(static own => own.Values)];
        }

        foreach (var response in left)
        {
            response.Cancel();
        }

        await Task.WhenAll(left.Select(static response => response.Ended)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
