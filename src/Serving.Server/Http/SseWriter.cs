using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// Writes server-sent events: each is <c>data: JSON</c> and an empty line, sent at once. The last one is <c>data: [DONE]</c>, or an error after which nothing
/// follows.
/// </summary>
internal sealed class SseWriter(HttpContext context, TimeSpan stallTimeout) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(context.Response.BodyWriter, new JsonWriterOptions { Encoder = OpenAiJson.Wire.Options.Encoder, SkipValidation = true });

    /// <summary>Whether the answer's status has been settled.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Sets the headers; the first event sends them.</summary>
    public void Start()
    {
        if (IsStarted)
        {
            return;
        }

        IsStarted = true;
        var headers = context.Response.Headers;
        headers.ContentType = "text/event-stream; charset=utf-8";
        headers.CacheControl = "no-cache";
        headers["X-Accel-Buffering"] = "no";
    }

    /// <summary>Sends an event.</summary>
    /// <param name="value">What it carries.</param>
    /// <param name="type">How that is written.</param>
    /// <param name="name">The event's name, ASCII; null for one that has none.</param>
    public async ValueTask SendAsync<T>(T value, JsonTypeInfo<T> type, string? name = null)
    {
        if (name is not null)
        {
            Put("event: "u8);
            Put(Encoding.ASCII.GetBytes(name));
            Put("\n"u8);
        }

        Put("data: "u8);
        _json.Reset();
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
        Put("\n\n"u8);
        await FlushAsync();
    }

    /// <summary>Sends a line that readers pass over (WHATWG HTML, server-sent events).</summary>
    public ValueTask SendCommentAsync()
    {
        Start();
        Put(": ping\n\n"u8);
        return FlushAsync();
    }

    /// <summary>Sends the mark of a complete answer.</summary>
    public ValueTask SendDoneAsync()
    {
        Put("data: [DONE]\n\n"u8);
        return FlushAsync();
    }

    /// <summary>Sends a failure; the answer ends here.</summary>
    public ValueTask SendFailureAsync(RequestFailure failure) => SendAsync(ErrorMapper.Body(failure), OpenAiJson.Wire.ErrorBody);

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void Put(ReadOnlySpan<byte> bytes)
    {
        var output = context.Response.BodyWriter;
        bytes.CopyTo(output.GetSpan(bytes.Length));
        output.Advance(bytes.Length);
    }

    private ValueTask FlushAsync() => StreamFlush.FlushAsync(context, stallTimeout, context.RequestAborted);
}
