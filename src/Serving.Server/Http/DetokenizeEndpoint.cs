using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>POST /detokenize</c>: decodes token ids.</summary>
internal sealed class DetokenizeEndpoint(RequestOpening opening)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.DetokenizeRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        if (body.Tokens is null)
        {
            await context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, "tokens: is missing.", "tokens"));
            return;
        }

        var result = await engine.DetokenizeAsync(ApiCaller.Of(context).Tenant, body.Model, body.Tokens, context.RequestAborted);
        await (result.Failure is not null
            ? context.WriteFailureAsync(result.Failure)
            : context.WriteJsonAsync(new DetokenizeResponse(result.Text), OpenAiJson.Wire.DetokenizeResponse));
    }
}
