using System.Buffers.Binary;
using System.Net;
using Google.Protobuf;
using Serving.Protocol.Rpc;
using Serving.Server.Front;

namespace Serving.Server.Tests.Fakes;

/// <summary>Calls methods over HTTP/2, byte for byte as a test wants it.</summary>
internal sealed class GrpcClient(Uri address, string? key = null) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = address, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

    /// <summary>A message with its prefix.</summary>
    public static byte[] Frame(IMessage message) => Frame(message.ToByteArray());

    /// <summary>Bytes with the prefix of a message.</summary>
    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>Sends a request and returns its response as soon as its headers are there.</summary>
    public Task<HttpResponseMessage> SendAsync(string method, byte[] body, CancellationToken cancellationToken, params (string Name, string Value)[] headers) =>
        SendAsync(method, new ByteArrayContent(body), cancellationToken, headers);

    /// <summary>The same with any body.</summary>
    public async Task<HttpResponseMessage> SendAsync(string method, HttpContent body, CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/" + method) { Content = body, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", headers.FirstOrDefault(header => header.Name == "content-type").Value ?? "application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", $"Bearer {key}");
        }

        foreach (var (name, value) in headers.Where(header => header.Name != "content-type"))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>Sends bytes and reads everything.</summary>
    public async Task<GrpcAnswer> CallAsync(string method, byte[] body, params (string Name, string Value)[] headers)
    {
        using var response = await SendAsync(method, body, CancellationToken.None, headers);
        return new GrpcAnswer(response, await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>Sends a message and reads everything.</summary>
    public Task<GrpcAnswer> CallAsync(string method, IMessage message, params (string Name, string Value)[] headers) => CallAsync(method, Frame(message), headers);

    public void Dispose() => _http.Dispose();
}

/// <summary>How a call ended, read to its end.</summary>
internal sealed class GrpcAnswer(HttpResponseMessage response, byte[] body)
{
    /// <summary>HTTP's status.</summary>
    public int Http { get; } = (int)response.StatusCode;

    /// <summary>gRPC's.</summary>
    public GrpcStatusCode Code { get; } = (GrpcStatusCode)int.Parse(Find(response, "grpc-status") ?? "2", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Its message.</summary>
    public string Message { get; } = Uri.UnescapeDataString(Find(response, "grpc-message") ?? "");

    /// <summary>Its details; null when there are none.</summary>
    public Status? Details { get; } = Find(response, "grpc-status-details-bin") is { } text ? Status.Parser.ParseFrom(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='))) : null;

    /// <summary>The failure's name in the details.</summary>
    public string? Reason => Detail<ErrorInfo>()?.Reason;

    /// <summary>The field that is wrong.</summary>
    public string? Field => Detail<BadRequest>()?.FieldViolations.Single().Field;

    /// <summary>The messages' bytes.</summary>
    public IReadOnlyList<byte[]> Frames { get; } = Split(body);

    public string? Header(string name) => Find(response, name);

    public T Single<T>()
        where T : IMessage<T>, new()
    {
        Assert.True(Code == GrpcStatusCode.Ok, $"{Code} {Message}");
        return Parse<T>(Assert.Single(Frames));
    }

    public IReadOnlyList<T> All<T>()
        where T : IMessage<T>, new() => [.. Frames.Select(Parse<T>)];

    public T? Detail<T>()
        where T : class, IMessage<T>, new() => Details?.Details.Select(any => any.TryUnpack<T>(out var found) ? found : null).FirstOrDefault(found => found is not null);

    private static T Parse<T>(byte[] bytes)
        where T : IMessage<T>, new()
    {
        var message = new T();
        message.MergeFrom(bytes);
        return message;
    }

    private static string? Find(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.TrailingHeaders.TryGetValues(name, out values) ? string.Join(',', values) : null;

    private static List<byte[]> Split(byte[] body)
    {
        var frames = new List<byte[]>();
        for (var at = 0; at < body.Length;)
        {
            Assert.Equal(0, body[at]);
            var size = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            frames.Add(body[(at + 5)..(at + 5 + size)]);
            at += 5 + size;
        }

        return frames;
    }
}
