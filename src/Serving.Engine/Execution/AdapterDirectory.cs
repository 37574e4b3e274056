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

    /// <summary>Adapters known on disk, of all owners.</summary>
    public int Count => _store.ListAll().Count;

    /// <summary>The adapter whose content a digest is, if it has been opened.</summary>
    public KnownAdapter? Find(Digest digest) => _known.TryGetValue(digest, out var known) ? known : null;

    /// <summary>Whether a tenant may use a name.</summary>
    public bool IsKnown(Tenant tenant, string model)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return model == _baseName || _store.Resolve(tenant.Id.Value, model) is not null;
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

    /// <summary>The adapters that a tenant may name.</summary>
    public IEnumerable<ModelEntry> List(Tenant tenant)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return _store.List(tenant.Id.Value).Select(handle => new ModelEntry(handle.Name, _baseName, handle.Name, handle.Owner, _created));
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

        var known = _store.Resolve(tenant.Id.Value, name);
        if (known is not null && path is not null && !loadInPlace)
        {
            return new RequestFailure(RequestError.InvalidRequest, $"The lora adapter '{name}' has already been loaded; set load_inplace to replace it.", "lora_name");
        }

        foreach (var handle in Owners(tenant, isAdmin, name))
        {
            if (_store.Register(handle, path))
            {
                return await ReadAsync(handle, cancellationToken);
            }
        }

        return new RequestFailure(RequestError.ModelNotFound, $"The lora adapter '{name}' cannot be found.", path is null ? "lora_name" : "lora_path");
    }

    /// <summary>Hides an adapter until it is loaded again.</summary>
    public RequestFailure? Unload(Tenant tenant, bool isAdmin, string name)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        foreach (var handle in Owners(tenant, isAdmin, name))
        {
            if (_store.Unregister(handle))
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
        TimeSpan? retry = outcome.RetryAfter > TimeSpan.Zero ? outcome.RetryAfter : null;
        return outcome.Failure switch
        {
            AdapterFailure.Unknown => Failures.ModelNotFound(name),
            AdapterFailure.Io or AdapterFailure.Replaced or AdapterFailure.TimedOut => new RequestFailure(
                RequestError.AdapterUnavailable, $"The adapter `{name}` cannot be read now: {outcome.Reason}.", "model", retry ?? TimeSpan.FromSeconds(1)),
            AdapterFailure.Internal => new RequestFailure(RequestError.Internal, $"The adapter `{name}` could not be loaded: {outcome.Reason}.", "model"),
            _ => new RequestFailure(RequestError.AdapterInvalid, $"The adapter `{name}` was found but could not be loaded: {outcome.Reason}.", "model", retry),
        };
    }

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
