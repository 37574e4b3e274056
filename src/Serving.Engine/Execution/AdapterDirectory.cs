using System.Collections.Concurrent;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>An adapter ready for a request (null for the base model), or why not.</summary>
public readonly record struct OpenedModel(AdapterRef? Adapter, RequestFailure? Failure);

/// <summary>An adapter that has been opened, for admins and metrics.</summary>
/// <param name="Handle">Whose it is and what it is called.</param>
/// <param name="Adapter">Its identity and cost.</param>
/// <param name="Rank">Its largest rank.</param>
public sealed record KnownAdapter(AdapterHandle Handle, AdapterRef Adapter, int Rank);

/// <summary>What a model name means to a tenant: the base, an adapter, or nothing. Also who is who by digest, for admins and metrics.</summary>
public sealed class AdapterDirectory
{
    /// <summary>Names remembered by digest; old versions of replaced adapters are forgotten all together when there are more.</summary>
    private const int MaxNames = 65_536;

    private readonly AdapterStore _store;
    private readonly string _baseName;
    private readonly long _created;
    private readonly Action<Digest> _retire;
    private readonly ConcurrentDictionary<Digest, KnownAdapter> _known = new();
    private readonly ConcurrentDictionary<AdapterHandle, Digest> _digests = new();

    /// <summary>Creates the directory.</summary>
    /// <param name="store">The adapters on disk.</param>
    /// <param name="baseName">The base model's served name.</param>
    /// <param name="createdUnixSeconds">When serving began.</param>
    /// <param name="retire">Told of digests that no name leads to any more.</param>
    public AdapterDirectory(AdapterStore store, string baseName, long createdUnixSeconds, Action<Digest> retire)
    {
        _store = store;
        _baseName = baseName;
        _created = createdUnixSeconds;
        _retire = retire;
    }

    /// <summary>How the disk that adapters lie on does.</summary>
    public AdapterDisk Disk => _store.Disk;

    /// <summary>Counts the adapters on disk, of all owners; null where the disk does not say.</summary>
    public async Task<int?> CountAsync() => await _store.ListAllAsync() is { Failure: null } all ? all.Handles.Count : null;

    /// <summary>How many adapters are in host memory, and their bytes.</summary>
    public (int Count, long Bytes) Kept => (_store.HostCacheCount, _store.HostCacheBytes);

    /// <summary>The adapter whose content a digest is, if it has been opened.</summary>
    public KnownAdapter? Find(Digest digest) => _known.TryGetValue(digest, out var known) ? known : null;

    /// <summary>Finds out whether a tenant may use a name.</summary>
    /// <returns>Null when it may; why not, or why that is not known now.</returns>
    public async ValueTask<RequestFailure?> CheckAsync(Tenant tenant, string model, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return model == _baseName ? null : (await FindAsync(tenant, model, cancellationToken)).Failure;
    }

    /// <summary>Finds what a name means to a tenant.</summary>
    public async ValueTask<FoundModel> FindAsync(Tenant tenant, string model, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        var (handle, failure) = await _store.ResolveAsync(tenant.Id.Value, model, cancellationToken);
        return handle is { } found
            ? new FoundModel(EntryOf(found), null)
            : new FoundModel(null, failure is null ? Failures.ModelNotFound(model) : FailureOf(failure, model));
    }

    /// <summary>Opens what a name means to a tenant: reads and checks an adapter that is new or has changed.</summary>
    public async ValueTask<OpenedModel> OpenAsync(Tenant tenant, string model, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (model == _baseName)
        {
            return default;
        }

        var (handle, outcome) = await _store.OpenAsync(tenant.Id.Value, model, cancellationToken);
        if (outcome.Adapter is not { } adapter)
        {
            return new OpenedModel(null, FailureOf(outcome, model));
        }

        Remember(handle, adapter, outcome.Rank);
        return new OpenedModel(adapter, null);
    }

    /// <summary>The same for a client that gives the whole of its request so much time: it counts while the adapter is read, too.</summary>
    public async ValueTask<OpenedModel> OpenAsync(Tenant tenant, string model, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        if (timeout is not { } most || model == _baseName)
        {
            return await OpenAsync(tenant, model, cancellationToken);
        }

        using var late = new CancellationTokenSource(TimeSpan.FromTicks(Math.Clamp(most.Ticks, 0, TimeSpan.TicksPerDay)), _store.Time); // No load takes a day.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await OpenAsync(tenant, model, end.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new OpenedModel(null, Failures.Of(RequestError.AdapterUnavailable));
        }
    }

    /// <summary>The adapters that a tenant may name.</summary>
    public async ValueTask<ListedModels> ListAsync(Tenant tenant, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        var (handles, failure) = await _store.ListAsync(tenant.Id.Value, cancellationToken);
        return new ListedModels(
            [.. handles.Select(EntryOf)],
            failure is null ? null : new RequestFailure(RequestError.AdapterUnavailable, $"The adapters cannot be listed now: {failure.Reason}.", null, RetryOf(failure)));
    }

    /// <summary>Registers an adapter under the caller's tenant, or under the shared root for an admin when it is not the tenant's own, and reads it.</summary>
    public async ValueTask<RequestFailure?> LoadAsync(
        Tenant tenant,
        bool isAdmin,
        string name,
        string? path,
        bool loadInPlace,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (!AdapterNames.IsValid(name) || name == _baseName)
        {
            return new RequestFailure(RequestError.InvalidRequest, "An adapter's name has 1 to 128 letters, digits, '.', '_' or '-', starts with a letter or digit, and is not the base model's.", "lora_name");
        }

        var (known, unknown) = await _store.ResolveAsync(tenant.Id.Value, name, cancellationToken);
        if (unknown is not null)
        {
            return FailureOf(unknown, name);
        }

        if (known is not null && path is not null && !loadInPlace)
        {
            return new RequestFailure(RequestError.InvalidRequest, $"The lora adapter '{name}' has already been loaded; set load_inplace to replace it.", "lora_name");
        }

        foreach (var handle in Owners(tenant, isAdmin, name))
        {
            var (registered, failure) = await _store.RegisterAsync(tenant.Id.Value, handle, path, cancellationToken);
            if (registered is not null || failure is not null)
            {
                return failure is null ? await ReadAsync(handle, cancellationToken) : FailureOf(failure, name);
            }
        }

        return new RequestFailure(RequestError.ModelNotFound, $"The lora adapter '{name}' cannot be found.", path is null ? "lora_name" : "lora_path");
    }

    /// <summary>Hides an adapter until it is loaded again.</summary>
    public async ValueTask<RequestFailure?> UnloadAsync(Tenant tenant, bool isAdmin, string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        foreach (var handle in Owners(tenant, isAdmin, name))
        {
            var (hidden, failure) = await _store.UnregisterAsync(tenant.Id.Value, handle, cancellationToken);
            if (failure is not null)
            {
                return FailureOf(failure, name);
            }

            if (hidden is not null)
            {
                Forget(handle);
                return null;
            }
        }

        return new RequestFailure(RequestError.ModelNotFound, $"The lora adapter '{name}' cannot be found.", "lora_name");
    }

    // A tenant changes its own folder; an admin the shared one too.
    private static IEnumerable<AdapterHandle> Owners(Tenant tenant, bool isAdmin, string name)
    {
        yield return new AdapterHandle(tenant.Id.Value, name);
        if (isAdmin)
        {
            yield return new AdapterHandle(null, name);
        }
    }

    private static RequestFailure FailureOf(AdapterLoadOutcome outcome, string name)
    {
        return outcome.Failure switch
        {
            AdapterFailure.Unknown => Failures.ModelNotFound(name),
            AdapterFailure.Io or AdapterFailure.Replaced or AdapterFailure.TimedOut or AdapterFailure.Busy => new RequestFailure(
                RequestError.AdapterUnavailable, $"The adapter `{name}` cannot be read now: {outcome.Reason}.", "model", RetryOf(outcome)),
            AdapterFailure.Internal => new RequestFailure(RequestError.Internal, $"The adapter `{name}` could not be loaded: {outcome.Reason}.", "model"),
            _ => new RequestFailure(RequestError.AdapterInvalid, $"The adapter `{name}` was found but could not be loaded: {outcome.Reason}.", "model", outcome.RetryAfter > TimeSpan.Zero ? outcome.RetryAfter : null),
        };
    }

    private static TimeSpan RetryOf(AdapterLoadOutcome outcome) => outcome.RetryAfter > TimeSpan.Zero ? outcome.RetryAfter : TimeSpan.FromSeconds(1);

    private ModelEntry EntryOf(AdapterHandle handle) => new(handle.Name, _baseName, handle.Name, handle.Owner, _created);

    private async ValueTask<RequestFailure?> ReadAsync(AdapterHandle handle, CancellationToken cancellationToken)
    {
        var outcome = await _store.OpenAsync(handle, cancellationToken);
        if (outcome.Adapter is not { } adapter)
        {
            return FailureOf(outcome, handle.Name);
        }

        Remember(handle, adapter, outcome.Rank);
        return null;
    }

    private void Remember(AdapterHandle handle, AdapterRef adapter, int rank)
    {
        if (_digests.TryGetValue(handle, out var old))
        {
            if (old == adapter.Digest)
            {
                return;
            }

            Forget(handle);
        }

        if (_known.Count >= MaxNames)
        {
            _known.Clear();
            _digests.Clear();
        }

        _digests[handle] = adapter.Digest;
        _known[adapter.Digest] = new KnownAdapter(handle, adapter, rank);
    }

    // Two names may lead to one content: it is retired when the last of them is gone.
    private void Forget(AdapterHandle handle)
    {
        if (!_digests.TryRemove(handle, out var digest))
        {
            return;
        }

        foreach (var (other, same) in _digests)
        {
            if (same == digest)
            {
                if (_known.TryGetValue(digest, out var known))
                {
                    _known[digest] = known with { Handle = other };
                }

                return;
            }
        }

        _known.TryRemove(digest, out _);
        _retire(digest);
    }
}
