using Serving.Core.Tenancy;

namespace Serving.Engine.Turns;

/// <summary>
/// Turns at work that takes something scarce for a while (a core, a thread that may hang), a few at once. Who waits is let in by tenants in rotation, not by arrival: a tenant with many
/// waiting, each for seconds, holds up another one by what is under way and a turn of every tenant, not by all of its own. Thread-safe.
/// </summary>
/// <param name="atOnce">Turns at once.</param>
/// <param name="perTenant">Of one tenant at once: below <paramref name="atOnce"/>, turns that do not end leave some to others.</param>
/// <param name="mostWaiting">Of one tenant that wait; without a number as many as admission lets in.</param>
internal sealed class TenantTurns(int atOnce, int perTenant = int.MaxValue, int mostWaiting = int.MaxValue)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TenantId, LinkedList<TaskCompletionSource>> _waiting = [];

    // Those of whom somebody waits, the next one first.
    private readonly LinkedList<TenantId> _rotation = [];
    private readonly Dictionary<TenantId, int> _held = [];
    private int _free = atOnce;
    private int _waiters;

    /// <summary>Those who wait.</summary>
    public int Waiting => Volatile.Read(ref _waiters);

    /// <summary>Waits for a turn, which <see cref="Release"/> ends.</summary>
    /// <param name="tenant">Whose turn it is.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>False, at once, where as many of the tenant wait as may.</returns>
    public async ValueTask<bool> WaitAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!TryEnter(tenant, out var place))
        {
            return false;
        }

        if (place is not null)
        {
            await using (cancellationToken.UnsafeRegister((_, token) => Leave(tenant, place, token), null))
            {
                await place.Value.Task;
            }
        }

        return true;
    }

    /// <summary>Ends a tenant's turn.</summary>
    public void Release(TenantId tenant)
    {
        TaskCompletionSource? next;
        lock (_lock)
        {
            if ((_held[tenant] -= 1) == 0)
            {
                _held.Remove(tenant);
            }

            _free++;
            next = Next();
        }

        next?.SetResult();
    }

    // The place is null where it is the caller's turn. Whoever ends one goes on with its own work, not with that of those it lets in.
    private bool TryEnter(TenantId tenant, out LinkedListNode<TaskCompletionSource>? place)
    {
        place = null;
        lock (_lock)
        {
            if (_free > 0 && _held.GetValueOrDefault(tenant) < perTenant)
            {
                Take(tenant);
                return true;
            }

            if (!_waiting.TryGetValue(tenant, out var places))
            {
                _waiting[tenant] = places = [];
                _rotation.AddLast(tenant);
            }

            if (places.Count >= mostWaiting)
            {
                return false;
            }

            _waiters++;
            place = places.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            return true;
        }
    }

    private void Take(TenantId tenant)
    {
        _free--;
        _held[tenant] = _held.GetValueOrDefault(tenant) + 1;
    }

    // Whoever waits while turns are free has as many as it may: the one that has ended makes room for one.
    private TaskCompletionSource? Next()
    {
        for (var node = _rotation.First; node is not null; node = node.Next)
        {
            var tenant = node.Value;
            if (_held.GetValueOrDefault(tenant) >= perTenant)
            {
                continue;
            }

            var places = _waiting[tenant];
            var next = places.First!.Value;
            places.RemoveFirst();
            _waiters--;
            _rotation.Remove(node);
            if (places.Count > 0)
            {
                _rotation.AddLast(tenant);
            }
            else
            {
                _waiting.Remove(tenant);
            }

            Take(tenant);
            return next;
        }

        return null;
    }

    private void Leave(TenantId tenant, LinkedListNode<TaskCompletionSource> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (place.List is not { } places)
            {
                return; // It has had its turn.
            }

            places.Remove(place);
            _waiters--;
            if (places.Count == 0)
            {
                _waiting.Remove(tenant);
                _rotation.Remove(tenant);
            }
        }

        place.Value.SetCanceled(cancellationToken);
    }
}
