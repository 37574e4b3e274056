using Serving.Core.Tenancy;

namespace Serving.Engine.Execution;

/// <summary>
/// Turns at work that takes a core for a while, a few at once. Who waits is let in by tenants in rotation, not by arrival: a tenant with many waiting, each for seconds, holds up another
/// one by what is under way and a turn of every tenant, not by all of its own. As many wait as admission lets in. Thread-safe.
/// </summary>
internal sealed class TenantTurns(int atOnce)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TenantId, LinkedList<TaskCompletionSource>> _waiting = [];

    // Those of whom somebody waits, the next one first.
    private readonly LinkedList<TenantId> _rotation = [];
    private int _free = atOnce;

    /// <summary>Waits for a turn, which <see cref="Release"/> ends.</summary>
    /// <param name="tenant">Whose turn it is.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask WaitAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Enter(tenant) is not { } place)
        {
            return;
        }

        await using (cancellationToken.UnsafeRegister((_, token) => Leave(tenant, place, token), null))
        {
            await place.Value.Task;
        }
    }

    /// <summary>Ends a turn.</summary>
    public void Release()
    {
        TaskCompletionSource next;
        lock (_lock)
        {
            if (_rotation.First is not { } tenant)
            {
                _free++;
                return;
            }

            _rotation.RemoveFirst();
            var places = _waiting[tenant.Value];
            next = places.First!.Value;
            places.RemoveFirst();
            if (places.Count > 0)
            {
                _rotation.AddLast(tenant);
            }
            else
            {
                _waiting.Remove(tenant.Value);
            }
        }

        next.SetResult();
    }

    // Null: it is the caller's turn. Whoever ends one goes on with its own work, not with that of those it lets in.
    private LinkedListNode<TaskCompletionSource>? Enter(TenantId tenant)
    {
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return null;
            }

            if (!_waiting.TryGetValue(tenant, out var places))
            {
                _waiting[tenant] = places = [];
                _rotation.AddLast(tenant);
            }

            return places.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
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
            if (places.Count == 0)
            {
                _waiting.Remove(tenant);
                _rotation.Remove(tenant);
            }
        }

        place.Value.SetCanceled(cancellationToken);
    }
}
