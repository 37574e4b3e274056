using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Server.Grpc.Mapping;

/// <summary>JSON that is made of messages.</summary>
internal static class JsonOfMessages
{
    /// <summary>Levels of nesting: HTTP's.</summary>
    public const int MaxDepth = 32;

    // Nothing of it is ever part of a page, so that characters beyond ASCII need no escapes.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What a function writes, as an element.</summary>
    public static JsonElement Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Plain))
        {
            write(writer);
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>Parses a client's JSON with HTTP's rules: no field twice, at most <see cref="MaxDepth"/> levels.</summary>
    public static JsonElement? Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
