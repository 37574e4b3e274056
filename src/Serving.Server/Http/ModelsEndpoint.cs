using System.Globalization;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>, in OpenAI's shape or, to its clients, in Anthropic's: what the caller may name. What is another's looks exactly like what is not there.</summary>
internal sealed class ModelsEndpoint(EngineAccess access)
{
    /// <summary>Lists all.</summary>
    public async Task ListAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            await NotReadyAsync(context);
            return;
        }

        var (entries, failure) = await engine.ListModelsAsync(ApiCaller.Of(context).Tenant, context.RequestAborted);
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
        }
        else if (AnthropicClients.Speak(context))
        {
            await context.WriteJsonAsync(
                new ModelPage([.. entries.Select(entry => ToInfo(entry, engine.Description))], false, entries[0].Name, entries[^1].Name),
                AnthropicJson.Wire.ModelPage);
        }
        else
        {
            await context.WriteJsonAsync(new ModelList([.. entries.Select(entry => ToCard(entry, engine.Description))]), OpenAiJson.Wire.ModelList);
        }
    }

    /// <summary>Shows one.</summary>
    public async Task ShowAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            await NotReadyAsync(context);
            return;
        }

        // A repository's name has a slash, and clients escape it, which routing leaves as it is.
        var name = ((string?)context.Request.RouteValues["id"] ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        var (entry, failure) = await engine.FindModelAsync(ApiCaller.Of(context).Tenant, name, context.RequestAborted);
        await (entry is null
            ? context.WriteFailureAsync(
                failure!.Error == RequestError.ModelNotFound ? new RequestFailure(RequestError.ModelNotFound, $"The model `{JsonBody.Echo(name)}` does not exist.", "model") : failure)
            : AnthropicClients.Speak(context) ? context.WriteJsonAsync(ToInfo(entry, engine.Description), AnthropicJson.Wire.ModelInfo)
            : context.WriteJsonAsync(ToCard(entry, engine.Description), OpenAiJson.Wire.ModelCard));
    }

    private static Task NotReadyAsync(HttpContext context) =>
        context.WriteFailureAsync(EngineAccess.Loading);

    private static ModelInfo ToInfo(ModelEntry entry, EngineDescription description) => new(
        entry.Name,
        entry.Name,
        DateTimeOffset.FromUnixTimeSeconds(entry.CreatedUnixSeconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        description.MaxModelLength);

    private static ModelCard ToCard(ModelEntry entry, EngineDescription description) => new()
    {
        Id = entry.Name,
        Created = entry.CreatedUnixSeconds,
        Root = entry.Root,
        Parent = entry.Parent,
        MaxModelLen = entry.Parent is null ? description.MaxModelLength : null,
        Permission =
        [
            new ModelPermission
            {
                Id = $"modelperm-{Digest.Of(System.Text.Encoding.UTF8.GetBytes(entry.Name)).ToString()[..32]}",
                Created = entry.CreatedUnixSeconds,
            },
        ],
    };
}
