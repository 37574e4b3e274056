using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>The door to the schemas: reads and compiles what comes in, on the caller's thread and in its turn.</summary>
/// <param name="store">Where they are kept.</param>
/// <param name="compiler">Compiles them.</param>
/// <param name="inTurn">Does work that tokenises when it is a tenant's turn.</param>
/// <param name="checkModel">Whether a tenant may use a model, and so pin a schema under it: null, or why not.</param>
/// <param name="pin">Keeps a schema's modules encoded, or says why not.</param>
/// <param name="time">For the time to live.</param>
public sealed class PromptSchemas(
    SchemaStore store,
    SchemaCompiler compiler,
    Func<TenantId, Func<CompiledSchema>, CancellationToken, ValueTask<CompiledSchema>> inTurn,
    Func<Tenant, string, CancellationToken, ValueTask<RequestFailure?>> checkModel,
    Func<StoredSchema, Tenant, CancellationToken, ValueTask<RequestFailure?>> pin,
    TimeProvider time) : IPromptSchemas
{
    /// <summary>Models that one schema is pinned under at most: each costs its modules' pages.</summary>
    private const int MaxPins = 16;

    /// <summary>Longest time to live; more is for ever.</summary>
    private static readonly TimeSpan MaxTimeToLive = TimeSpan.FromDays(3650);

    /// <summary>Why none is taken; null where the model takes them.</summary>
    public string? Refusal { get; init; }

    /// <summary>Schemas of all owners.</summary>
    public int Count => store.Count;

    /// <inheritdoc/>
    public async ValueTask<PutSchemaResult> PutAsync(Tenant tenant, bool isAdmin, SchemaUpload upload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        ArgumentNullException.ThrowIfNull(upload);
        if (Refusal is { } refusal)
        {
            return new PutSchemaResult(null, new RequestFailure(RequestError.InvalidRequest, refusal, "schema"));
        }

        if ((Check(isAdmin, upload) ?? await CheckPinsAsync(tenant, upload, cancellationToken)) is { } wrong)
        {
            return new PutSchemaResult(null, wrong);
        }

        var field = upload.Pml is null ? "schema" : "pml";
        try
        {
            var compiled = await inTurn(tenant.Id, () => compiler.Compile(upload.Pml is { } pml ? PmlSchemaReader.Read(pml) : JsonSchemaReader.Read(upload.Json!)), cancellationToken);
            store.Expire(); // What it has pinned makes room.
            var now = time.GetUtcNow();
            var schema = new StoredSchema
            {
                Compiled = compiled,
                Owner = upload.IsPublic ? null : tenant.Id.Value,
                Created = now,
                ExpiresAt = now + upload.TimeToLive,
                Pin = upload.Pin,
                SourceLength = (upload.Pml ?? upload.Json!).Length,
            };
            return (await pin(schema, tenant, cancellationToken) ?? Keep(schema)) is { } failure ? new PutSchemaResult(null, failure) : new PutSchemaResult(schema, null);
        }
        catch (PromptSchemaException exception)
        {
            return new PutSchemaResult(null, new RequestFailure(RequestError.InvalidRequest, $"{field}: {exception.Message}.", field));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<StoredSchema> List(Tenant tenant)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return store.List(tenant.Id.Value);
    }

    /// <inheritdoc/>
    public StoredSchema? Find(Tenant tenant, string name)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return store.Find(tenant.Id.Value, name);
    }

    /// <inheritdoc/>
    public RequestFailure? Delete(Tenant tenant, bool isAdmin, string name)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if ((store.Remove(tenant.Id.Value, name) ?? (isAdmin ? store.Remove(null, name) : null)) is not null)
        {
            return null;
        }

        return store.Find(tenant.Id.Value, name) is null
            ? Failures.SchemaNotFound(name)
            : new RequestFailure(RequestError.Forbidden, "Public prompt schemas are deleted by admins only.", "prompt_schema");
    }

    /// <summary>Keeps the schemas of a folder; what is broken is reported.</summary>
    public void LoadFolder(string folder, Action<string> notice)
    {
        ArgumentNullException.ThrowIfNull(notice);
        if (Refusal is { } refusal)
        {
            notice($"Prompt schemas are left out: {refusal}");
            return;
        }

        foreach (var file in SchemaFolder.Read(folder))
        {
            if (Keep(file) is { } error)
            {
                notice($"Prompt schema {file.File} is left out: {error}");
            }
        }
    }

    // What the store does not take is gone like what it has let go.
    private RequestFailure? Keep(StoredSchema schema)
    {
        var full = store.Put(schema);
        if (full is not null)
        {
            store.Removed?.Invoke(schema);
        }

        return full;
    }

    private string? Keep(SchemaFile file)
    {
        try
        {
            return file.Schema is null ? file.Error : store.Put(new StoredSchema
            {
                Compiled = compiler.Compile(file.Schema),
                Owner = file.Owner,
                Created = time.GetUtcNow(),
                SourceLength = file.Size,
            })?.Message;
        }
        catch (PromptSchemaException exception)
        {
            return exception.Message;
        }
    }

    private static RequestFailure? Check(bool isAdmin, SchemaUpload upload)
    {
        if (upload is { Pml: null, Json: null } or { Pml: not null, Json: not null })
        {
            return Invalid("schema", "One of schema and pml is needed.");
        }

        if (upload.IsPublic && !isAdmin)
        {
            return new RequestFailure(RequestError.Forbidden, "Public prompt schemas are made by admins only.", "public");
        }

        if (upload.TimeToLive is { } life && (life <= TimeSpan.Zero || life > MaxTimeToLive))
        {
            return Invalid("ttl", $"ttl is above 0 and at most {(long)MaxTimeToLive.TotalSeconds} seconds.");
        }

        if (upload.Pin.Count > MaxPins || upload.Pin.Distinct().Count() != upload.Pin.Count)
        {
            return Invalid("pin", $"pin names at most {MaxPins} models, each once.");
        }

        return null;
    }

    private async ValueTask<RequestFailure?> CheckPinsAsync(Tenant tenant, SchemaUpload upload, CancellationToken cancellationToken)
    {
        foreach (var model in upload.Pin)
        {
            if (await checkModel(tenant, model, cancellationToken) is { } failure)
            {
                return failure with { Parameter = "pin" };
            }
        }

        return null;
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
