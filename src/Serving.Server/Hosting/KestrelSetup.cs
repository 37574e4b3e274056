using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Serving.Server.Configuration;

namespace Serving.Server.Hosting;

/// <summary>Where the web server listens and what it puts up with.</summary>
internal static class KestrelSetup
{
    // A slow start is allowed; after it a client that neither reads nor sends is cut off.
    private static readonly TimeSpan RateGrace = TimeSpan.FromSeconds(5);

    // Behind the ping that asks whether the client is still there.
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Applies the options.</summary>
    public static void Apply(KestrelServerOptions kestrel, ServerOptions options, GrpcOptions grpc)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodySize;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestHeaderCount = 100;
        limits.MaxRequestLineSize = 8 << 10;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(options.KeepAliveTimeout);
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(options.HeaderTimeout);
        limits.MinRequestBodyDataRate = new MinDataRate(options.MinDataRate, RateGrace);
        limits.MinResponseDataRate = new MinDataRate(options.MinDataRate, RateGrace);
        limits.MaxResponseBufferSize = 64 << 10;
        limits.Http2.MaxStreamsPerConnection = grpc.MaxStreams;
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(grpc.KeepAlivePing);
        limits.Http2.KeepAlivePingTimeout = PingTimeout;

        // Without TLS a port speaks one version of HTTP: there is no handshake to choose in. ListenAddresses relies on the order.
        Listen(kestrel, options.Host, options.Port, HttpProtocols.Http1);
        if (grpc.Enabled)
        {
            Listen(kestrel, options.Host, grpc.Port, HttpProtocols.Http2);
        }
    }

    private static void Listen(KestrelServerOptions kestrel, string host, int port, HttpProtocols protocols)
    {
        switch (host)
        {
            case "*":
                kestrel.ListenAnyIP(port, listen => listen.Protocols = protocols);
                break;

            // A free port cannot be taken for both address families at once, so it is IPv4's.
            case "localhost" when port != 0:
                kestrel.ListenLocalhost(port, listen => listen.Protocols = protocols);
                break;
            default:
                kestrel.Listen(host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(host), port, listen => listen.Protocols = protocols);
                break;
        }
    }
}
