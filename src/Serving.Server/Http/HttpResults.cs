using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Writes whole answers: bodies of known length, so that the connection can be used again.</summary>
internal static class HttpResults
{
    /// <summary>Retry-After to the millisecond, as OpenAI's clients read it.</summary>
    private const string RetryAfterMilliseconds = "retry-after-ms";

    /// <summary>Bytes of a body that are written at once: half of what is kept for a client that is behind.</summary>
    private const int PieceBytes = 32 << 10;

    /// <summary>Writes a JSON body.</summary>
    public static Task WriteJsonAsync<T>(this HttpContext context, T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        return context.WriteJsonAsync(JsonSerializer.SerializeToUtf8Bytes(value, type));
    }

    /// <summary>Writes a JSON body that is there.</summary>
    public static Task WriteJsonAsync(this HttpContext context, byte[] body) => WriteAsync(context, body, "application/json; charset=utf-8");

    /// <summary>Writes a plain text body.</summary>
    public static Task WriteTextAsync(this HttpContext context, string text) =>
        WriteAsync(context, System.Text.Encoding.UTF8.GetBytes(text), "text/plain; charset=utf-8");

    /// <summary>Writes a failure with its status and Retry-After.</summary>
    public static Task WriteFailureAsync(this HttpContext context, RequestFailure failure)
    {
        if (ErrorMapper.RetryAfter(failure) is { } delay)
        {
            context.Response.Headers.RetryAfter = Whole(delay.TotalSeconds);
            context.Response.Headers[RetryAfterMilliseconds] = Whole(delay.TotalMilliseconds);
        }

        if (failure.Error == RequestError.Draining && context.Request.Protocol == HttpProtocol.Http11)
        {
            context.Response.Headers.Connection = "close";
        }

        return AnthropicClients.Speak(context)
            ? context.WriteFailureAsync(ErrorMapper.MessageError(failure), ErrorMapper.MessageStatus(failure.Error))
            : context.WriteJsonAsync(ErrorMapper.Body(failure), OpenAiJson.Wire.ErrorBody, ErrorMapper.Status(failure.Error));
    }

    /// <summary>Writes the body of a status that has none yet.</summary>
    public static Task WriteFailureAsync(this HttpContext context, int status) => AnthropicClients.Speak(context)
        ? context.WriteFailureAsync(ErrorMapper.MessageError(status), status)
        : context.WriteJsonAsync(ErrorMapper.Body(status), OpenAiJson.Wire.ErrorBody, status);

    private static Task WriteFailureAsync(this HttpContext context, MessageError error, int status) =>
        context.WriteJsonAsync(new MessageFailure(error, context.TraceIdentifier), AnthropicJson.Wire.MessageFailure, status);

    // Rounded up: a moment earlier would be too early.
    private static string Whole(double value) => Math.Ceiling(value).ToString(System.Globalization.CultureInfo.InvariantCulture);

    // Piece by piece: Kestrel's rate would leave a client that takes nothing of some megabytes hours to do so, and them in memory.
    private static async Task WriteAsync(HttpContext context, byte[] body, string contentType)
    {
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        var stallTimeout = TimeSpan.FromSeconds(context.RequestServices.GetRequiredService<ServingOptions>().Server.StallTimeout);
        for (var first = 0; first < body.Length; first += PieceBytes)
        {
            context.Response.BodyWriter.Write(body.AsSpan(first, Math.Min(PieceBytes, body.Length - first)));
            await StreamFlush.FlushAsync(context, stallTimeout, context.RequestAborted);
        }
    }
}
