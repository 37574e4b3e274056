using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary>
/// <c>/v1/prompt_schemas</c>: put, list, show and delete the caller's prompt schemas; public ones are an admin's to change. What is another's looks exactly like what is not
/// there.
/// </summary>
internal sealed class PromptSchemasEndpoint(EngineAccess access, RequestOpening opening)
{
    /// <summary>Creates or replaces one.</summary>
    public async Task PutAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.PromptSchemaRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var caller = ApiCaller.Of(context);
        var (schema, refused) = await engine.Schemas.PutAsync(caller.Tenant, caller.IsAdmin, ToUpload(body), context.RequestAborted);
        await (schema is null
            ? context.WriteFailureAsync(refused!)
            : context.WriteJsonAsync(ToCard(schema), OpenAiJson.Wire.PromptSchemaCard));
    }

    /// <summary>Lists all.</summary>
    public Task ListAsync(HttpContext context) => access.Client is not { } engine
        ? context.WriteFailureAsync(EngineAccess.Loading)
        : context.WriteJsonAsync(new PromptSchemaList([.. engine.Schemas.List(ApiCaller.Of(context).Tenant).Select(ToCard)]), OpenAiJson.Wire.PromptSchemaList);

    /// <summary>Shows one.</summary>
    public Task ShowAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            return context.WriteFailureAsync(EngineAccess.Loading);
        }

        var schema = engine.Schemas.Find(ApiCaller.Of(context).Tenant, Name(context));
        return schema is null
            ? context.WriteFailureAsync(Failures.SchemaNotFound(Name(context)))
            : context.WriteJsonAsync(ToCard(schema) with { Schema = SchemaJsonWriter.Write(schema.Compiled.Schema) }, OpenAiJson.Wire.PromptSchemaCard);
    }

    /// <summary>Deletes one.</summary>
    public Task DeleteAsync(HttpContext context)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            return context.WriteFailureAsync(failure);
        }

        var caller = ApiCaller.Of(context);
        failure = engine.Schemas.Delete(caller.Tenant, caller.IsAdmin, Name(context));
        return failure is not null
            ? context.WriteFailureAsync(failure)
            : context.WriteJsonAsync(new PromptSchemaDeleted(Name(context)), OpenAiJson.Wire.PromptSchemaDeleted);
    }

    private static string Name(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    private static SchemaUpload ToUpload(PromptSchemaRequest body) => new()
    {
        Pml = body.Pml,
        Json = body.Schema?.GetRawText(),
        Pin = body.Pin ?? [],
        TimeToLive = body.Ttl is { } seconds ? TimeSpan.FromSeconds(Math.Clamp(seconds, -1, uint.MaxValue)) : null,
        IsPublic = body.Public ?? false,
    };

    private static PromptSchemaCard ToCard(StoredSchema schema) => new()
    {
        Id = schema.Name,
        Version = schema.Compiled.Version.ToString(),
        Created = schema.Created.ToUnixTimeSeconds(),
        ExpiresAt = schema.ExpiresAt?.ToUnixTimeSeconds(),
        Public = schema.Owner is null,
        Pin = schema.Pin,
        Length = schema.Compiled.Length,
        Tokens = schema.Compiled.TokenCount,
        Modules = [.. schema.Compiled.Modules.Skip(1).Select(module => new PromptModuleCard
        {
            Name = module.Path,
            Start = module.Start,
            Length = module.Length,
            Union = module.Union < 0 ? null : module.Union,
            Parameters = [.. module.Parameters.Select(parameter => new PromptParameterCard(parameter.Name, parameter.Length))],
        })],
    };
}
