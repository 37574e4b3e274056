namespace Serving.Server.Grpc.Framing;

/// <summary>Names of gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).</summary>
internal static class GrpcProtocol
{
    /// <summary>The content type of what is sent.</summary>
    public const string ContentType = "application/grpc";

    /// <summary>The same, naming the encoding of its messages.</summary>
    public const string ProtoContentType = "application/grpc+proto";

    /// <summary>Request: how long the client waits.</summary>
    public const string TimeoutHeader = "grpc-timeout";

    /// <summary>Response: what may be compressed how.</summary>
    public const string AcceptEncodingHeader = "grpc-accept-encoding";

    /// <summary>Trailer: the status code.</summary>
    public const string StatusTrailer = "grpc-status";

    /// <summary>Trailer: its message, percent-encoded.</summary>
    public const string MessageTrailer = "grpc-message";

    /// <summary>Trailer: a google.rpc.Status, in base64.</summary>
    public const string DetailsTrailer = "grpc-status-details-bin";

    /// <summary>Whether a request with this content type speaks gRPC with protocol buffers; parameters do not matter.</summary>
    public static bool IsSpokenBy(string? contentType)
    {
        var type = contentType.AsSpan();
        type = type[..(type.IndexOf(';') is >= 0 and var end ? end : type.Length)].Trim();
        return type.Equals(ContentType, StringComparison.OrdinalIgnoreCase) || type.Equals(ProtoContentType, StringComparison.OrdinalIgnoreCase);
    }
}
