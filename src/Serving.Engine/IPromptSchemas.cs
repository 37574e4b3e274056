using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;

namespace Serving.Engine;

/// <summary>What putting a schema comes to: the schema or a failure, never both.</summary>
public readonly record struct PutSchemaResult(StoredSchema? Schema, RequestFailure? Failure);

/// <summary>The schemas that prompts can import modules from, as the edge sees them. Thread-safe.</summary>
public interface IPromptSchemas
{
    /// <summary>Reads, compiles and keeps a schema under the caller's tenant, or for all when an admin asks for that; one of its name is replaced.</summary>
    ValueTask<PutSchemaResult> PutAsync(Tenant tenant, bool isAdmin, SchemaUpload upload, CancellationToken cancellationToken);

    /// <summary>The schemas that a tenant may use, by name.</summary>
    IReadOnlyList<StoredSchema> List(Tenant tenant);

    /// <summary>The schema that a name means to a tenant; null when there is none.</summary>
    StoredSchema? Find(Tenant tenant, string name);

    /// <summary>Removes a tenant's schema, or, for an admin, a public one; requests that run finish.</summary>
    /// <returns>Null when it is gone.</returns>
    RequestFailure? Delete(Tenant tenant, bool isAdmin, string name);
}
