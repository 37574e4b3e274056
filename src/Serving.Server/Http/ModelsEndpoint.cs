using System.Globalization;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>, in OpenAI's shape or, to its clients, in Anthropic's: what the caller may name. What is another's looks exactly like what is not there.</summary>
internal sealed class ModelsEndpoint(EngineAccess access)
{
    /// <summary>Lists all.</summary>
    public Task ListAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            return NotReadyAsync(context);
        }

        var entries = engine.ListModels(ApiCaller.Of(context).Tenant);
        if (AnthropicClients.Speak(context))
        {
            return context.WriteJsonAsync(
                new ModelPage([.. entries.Select(entry => ToInfo(entry, engine.Description))], false, entries[0].Name, entries[^1].Name),
                AnthropicJson.Wire.ModelPage);
        }

        var cards = entries.Select(entry => ToCard(entry, engine.Description));
        return context.WriteJsonAsync(new ModelList([.. cards]), OpenAiJson.Wire.ModelList);
    }

    /// <summary>Shows one.</summary>
    public Task ShowAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            return NotReadyAsync(context);
        }

        // A repository's name has a slash, and clients escape it, which routing leaves as it is.
        var name = ((string?)context.Request.RouteValues["id"] ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        var entry = engine.ListModels(ApiCaller.Of(context).Tenant).FirstOrDefault(entry => entry.Name == name);
        return entry is null
            ? context.WriteFailureAsync(new RequestFailure(RequestError.ModelNotFound, $"The model `{JsonBody.Echo(name)}` does not exist.", "model"))
            : AnthropicClients.Speak(context) ? context.WriteJsonAsync(ToInfo(entry, engine.Description), AnthropicJson.Wire.ModelInfo)
            : context.WriteJsonAsync(ToCard(entry, engine.Description), OpenAiJson.Wire.ModelCard);
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
