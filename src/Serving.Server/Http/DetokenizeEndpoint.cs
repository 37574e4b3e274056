using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Telemetry;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>POST /detokenize</c>: decodes token ids.</summary>
internal sealed class DetokenizeEndpoint(EngineAccess access, RequestCounters counters)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var body, failure) = await JsonBody.ReadAsync(context, OpenAiJson.Wire.DetokenizeRequest);
        if (body is null || (failure = KnownFields.Check(body.Others, out var unknown)) is not null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        counters.CountUnknownFields(unknown);
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
