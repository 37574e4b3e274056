using System.Globalization;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Engine.PromptModules.Registry;

/// <summary>
/// The schemas by owner and name. A tenant sees its own and the public ones, its own first. Bounded per owner and in all; a schema whose time has come is gone for
/// everyone who looks. Thread-safe.
/// </summary>
/// <param name="options">The bounds.</param>
/// <param name="time">For the time to live.</param>
public sealed class SchemaStore(SchemaStoreOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Dictionary<string, StoredSchema>> _byOwner = [];
    private long _size;
    private DateTimeOffset _nextExpiry = DateTimeOffset.MaxValue;

    /// <summary>Told of every schema that is gone: replaced, removed or expired; called under no lock.</summary>
    public Action<StoredSchema>? Removed { get; set; }

    /// <summary>Schemas of all owners.</summary>
    public int Count
    {
        get
        {
            Expire();
            lock (_lock)
            {
                return _byOwner.Values.Sum(own => own.Count);
            }
        }
    }

    /// <summary>Puts a schema in the place of one of its owner's of that name, or says which limit is in the way.</summary>
    public RequestFailure? Put(StoredSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        Expire();
        StoredSchema? replaced;
        lock (_lock)
        {
            var own = Of(schema.Owner);
            replaced = own.GetValueOrDefault(schema.Name);
            if (Refuse(own, schema, replaced) is { } failure)
            {
                return failure;
            }

            own[schema.Name] = schema;
            _byOwner[Key(schema.Owner)] = own;
            _nextExpiry = schema.ExpiresAt < _nextExpiry ? schema.ExpiresAt.Value : _nextExpiry;
            _size += schema.Size - (replaced?.Size ?? 0);
        }

        if (replaced is not null)
        {
            Removed?.Invoke(replaced);
        }

        return null;
    }

    /// <summary>What a name means to a tenant: its own schema, or a public one; null when there is neither.</summary>
    public StoredSchema? Find(string tenant, string name)
    {
        Expire();
        lock (_lock)
        {
            return Of(tenant).GetValueOrDefault(name) ?? Of(null).GetValueOrDefault(name);
        }
    }

    /// <summary>The schemas that a tenant may use, by name; its own hide public ones.</summary>
    public IReadOnlyList<StoredSchema> List(string tenant)
    {
        Expire();
        lock (_lock)
        {
            var own = Of(tenant);
            return [.. own.Values.Concat(Of(null).Values.Where(schema => !own.ContainsKey(schema.Name))).OrderBy(schema => schema.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>Removes an owner's schema; null when there is none.</summary>
    public StoredSchema? Remove(string? owner, string name)
    {
        Expire();
        StoredSchema? removed;
        lock (_lock)
        {
            removed = Of(owner).GetValueOrDefault(name);
            Drop(removed);
        }

        if (removed is not null)
        {
            Removed?.Invoke(removed);
        }

        return removed;
    }

    /// <summary>Removes what has expired; done by every other call too.</summary>
    public void Expire()
    {
        List<StoredSchema> expired;
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (now < _nextExpiry)
            {
                return;
            }

            expired = [.. _byOwner.Values.SelectMany(own => own.Values).Where(schema => schema.IsExpired(now))];
            expired.ForEach(Drop);
            _nextExpiry = _byOwner.Values.SelectMany(own => own.Values).Min(schema => schema.ExpiresAt) ?? DateTimeOffset.MaxValue;
        }

        expired.ForEach(schema => Removed?.Invoke(schema));
    }

    // Public schemas have an owner of their own: a tenant's id is never empty.
    private static string Key(string? owner) => owner ?? "";

    private Dictionary<string, StoredSchema> Of(string? owner) => _byOwner.GetValueOrDefault(Key(owner)) ?? [];

    private void Drop(StoredSchema? schema)
    {
        if (schema is null)
        {
            return;
        }

        var own = Of(schema.Owner);
        own.Remove(schema.Name);
        _size -= schema.Size;
        if (own.Count == 0)
        {
            _byOwner.Remove(Key(schema.Owner));
        }
    }

    private RequestFailure? Refuse(Dictionary<string, StoredSchema> own, StoredSchema schema, StoredSchema? replaced)
    {
        var added = schema.Size - (replaced?.Size ?? 0);
        return replaced is null && own.Count >= options.MaxSchemas ? Full($"{options.MaxSchemas} prompt schemas are kept at most; delete one first.")
            : own.Values.Sum(other => other.Size) + added > options.MaxOwnerSize ? Full($"Prompt schemas have {Number(options.MaxOwnerSize)} characters together at most; delete one first.")
            : _size + added > options.MaxSize ? Full("The server keeps no more prompt schemas.")
            : null;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static RequestFailure Full(string message) => new(RequestError.InvalidRequest, message);
}
