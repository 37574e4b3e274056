using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/unload_lora_adapter</c>.</summary>
internal sealed class UnloadAdapterEndpoint(RequestOpening opening)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.UnloadAdapterRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        if (string.IsNullOrEmpty(body.LoraName))
        {
            await context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, "lora_name: is missing.", "lora_name"));
            return;
        }

        var caller = ApiCaller.Of(context);
        var failure = await engine.UnloadAdapterAsync(caller.Tenant, caller.IsAdmin, body.LoraName, context.RequestAborted);
        await (failure is not null
            ? context.WriteFailureAsync(failure)
            : context.WriteTextAsync($"Success: LoRA adapter '{body.LoraName}' removed successfully."));
    }
}
