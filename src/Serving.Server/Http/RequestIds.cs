using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;
using Serving.Server.Front;
using Serving.Server.Telemetry;

namespace Serving.Server.Http;

/// <summary>
/// Names every request: by the client's <c>x-request-id</c> when it is harmless, else by a random one; sends it back, and counts the answer.
/// </summary>
internal sealed class RequestIds(RequestDelegate next, RequestCounters counters)
{
    /// <summary>The header's name.</summary>
    public const string Header = "x-request-id";

    /// <summary>Longest id taken from a client, characters.</summary>
    public const int MaxLength = 128;

    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        context.TraceIdentifier = Clean(context.Request.Headers[Header]) ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        context.Response.OnStarting(
            static state =>
            {
                var started = (HttpContext)state;
                started.Response.Headers[Header] = started.TraceIdentifier;
                if (AnthropicClients.Speak(started))
                {
                    started.Response.Headers[AnthropicClients.RequestIdHeader] = started.TraceIdentifier;
                }

                return Task.CompletedTask;
            },
            context);
        try
        {
            await next(context);
        }
        finally
        {
            var handler = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
            counters.CountRequest(handler, Method(context.Request.Method), context.Response.StatusCode);
        }
    }

    /// <summary>The id a client sent, if it consists of letters, digits and <c>-_.:</c> and is not too long.</summary>
    public static string? Clean(StringValues header) =>
        header is [{ Length: > 0 and <= MaxLength } id] && id.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' or ':') ? id : null;

    private static string Method(string method) => method is "GET" or "POST" or "HEAD" or "OPTIONS" or "PUT" or "DELETE" or "PATCH" ? method : "other";
}
