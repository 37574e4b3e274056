using System.Text.Json.Serialization.Metadata;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Telemetry;

namespace Serving.Server.Http;

/// <summary>What every endpoint with a JSON body begins with: an engine that takes requests, a body that can be read, and no field in it that is known and not done.</summary>
internal sealed class RequestOpening(EngineAccess access, RequestCounters counters)
{
    /// <summary>Looks through the fields of a body that are not its type's.</summary>
    /// <param name="body">The body.</param>
    /// <param name="unknown">How many of them nobody knows.</param>
    /// <returns>What is wrong with one, or null.</returns>
    public delegate RequestFailure? FieldCheck<T>(T body, out int unknown);

    /// <summary>Begins one request.</summary>
    /// <returns>The engine and the body; null where the answer, a failure, has been written.</returns>
    public ValueTask<(IEngineClient Engine, T Body)?> OpenAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class, IRequestBody => OpenAsync(context, type, static (T body, out int unknown) => KnownFields.Check(body.Others, out unknown));

    /// <summary>The same, with a way of its own to look through the fields.</summary>
    public async ValueTask<(IEngineClient Engine, T Body)?> OpenAsync<T>(HttpContext context, JsonTypeInfo<T> type, FieldCheck<T> check)
        where T : class
    {
        if (!IsPlainJson(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return null;
        }

        if (!access.TryEnter(out var engine, out var failure))
        {
            await context.WriteFailureAsync(failure);
            return null;
        }

        (var body, failure) = await JsonBody.ReadAsync(context, type);
        var unknown = 0;
        if (body is null || (failure = check(body, out unknown)) is not null)
        {
            await context.WriteFailureAsync(failure!);
            return null;
        }

        counters.CountUnknownFields(unknown);
        return (engine, body);
    }

    // Routing lets a body through that has no type at all, as a page of another site can make a browser send one (a Blob, no-cors).
    private static bool IsPlainJson(HttpRequest request) =>
        !string.IsNullOrWhiteSpace(request.ContentType) && request.Headers.ContentEncoding is [] or ["" or "identity"];
}
