using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>Reads a request's JSON body. Whatever is wrong with it comes back as a failure that names the field.</summary>
internal static class JsonBody
{
    /// <summary>Most characters of a client's own text that a message repeats.</summary>
    public const int MaxEcho = 100;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xef, 0xbb, 0xbf];

    /// <summary>Reads and parses a body.</summary>
    /// <returns>The body or a failure, one of the two.</returns>
    public static async ValueTask<(T? Body, RequestFailure? Failure)> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        byte[]? buffer = null;
        try
        {
            (buffer, var length) = await ReadAllAsync(context);
            return Parse(buffer.AsSpan(0, length), type);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, new RequestFailure(RequestError.BodyTooLarge, "The request body is larger than the limit."));
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            // A stream of HTTP/2 that is reset while it is read may fail before the request's token says that the client has gone.
            throw new OperationCanceledException("The client is gone.", exception);
        }
        finally
        {
            if (buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>Parses a body.</summary>
    public static (T? Body, RequestFailure? Failure) Parse<T>(ReadOnlySpan<byte> utf8, JsonTypeInfo<T> type)
        where T : class
    {
        // Files written on Windows begin with one; RFC 8259 lets a reader pass over it.
        if (utf8.StartsWith(ByteOrderMark))
        {
            utf8 = utf8[ByteOrderMark.Length..];
        }

        if (!Utf8.IsValid(utf8))
        {
            return (null, Invalid("The body is not valid UTF-8."));
        }

        try
        {
            return JsonSerializer.Deserialize(utf8, type) is { } body ? (body, null) : (null, Invalid("The body must be a JSON object."));
        }
        catch (JsonException exception)
        {
            return (null, Explain(exception, type));
        }
    }

    /// <summary>A client's text, cut to what a message may repeat.</summary>
    public static string Echo(string text) => text.Length <= MaxEcho ? text : string.Concat(text.AsSpan(0, MaxEcho), "...");

    private static RequestFailure Explain(JsonException exception, JsonTypeInfo type)
    {
        // A reader's complaint arrives as the inner exception; everything else is a value of the wrong kind at a path.
        if (exception.InnerException is JsonException)
        {
            return Invalid($"The body is not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1} of it).");
        }

        if (exception.Message.StartsWith("Duplicate", StringComparison.Ordinal))
        {
            return Invalid("The body has a field twice.");
        }

        var (field, expected) = FieldDescription.Find(type, exception.Path);
        return field is null
            ? Invalid("The body must be a JSON object.")
            : Invalid($"{Echo(field)}: expected {expected ?? "another kind of value"}.", Echo(field));
    }

    private static RequestFailure Invalid(string message, string? parameter = null) => new(RequestError.InvalidRequest, message, parameter);

    // Kestrel enforces the limit on the body's size and rate; the buffer grows with what has arrived, not with what was announced.
    private static async ValueTask<(byte[] Buffer, int Length)> ReadAllAsync(HttpContext context)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(16 << 10);
        var length = 0;
        try
        {
            while (true)
            {
                var read = await context.Request.Body.ReadAsync(buffer.AsMemory(length), context.RequestAborted);
                if (read == 0)
                {
                    return (buffer, length);
                }

                length += read;
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }
}
