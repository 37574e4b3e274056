using System.Buffers.Binary;
using System.Net;
using Google.Protobuf;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>Begins calls over HTTP/2 and leaves what becomes of them to the test.</summary>
internal sealed class GrpcCalls(Uri address, string? key = null) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = address };

    /// <summary>Sends a message; returns when the response's headers are there.</summary>
    public async Task<HttpResponseMessage> BeginAsync(string method, IMessage message, CancellationToken cancellationToken)
    {
        var body = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), body.Length - 5);
        message.WriteTo(body.AsSpan(5));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/" + method) { Content = new ByteArrayContent(body), Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/grpc");
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", $"Bearer {key}");
        }

        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public void Dispose() => _http.Dispose();
}
