using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Serving.Server.Configuration;

namespace Serving.Server.Hosting;

/// <summary>Where the daemon is reached, with the ports that it was given where it asked for any. Known once it listens.</summary>
internal sealed class ListenAddresses(IServer server, ServingOptions options)
{
    /// <summary>The HTTP API.</summary>
    public Uri Http => At(0, options.Server.Port);

    /// <summary>gRPC; null when it is not served.</summary>
    public Uri? Grpc => options.Grpc.Enabled ? At(1, options.Grpc.Port) : null;

    // Kestrel lists addresses in the order in which it was told to listen.
    private Uri At(int index, int port)
    {
        var address = server.Features.Get<IServerAddressesFeature>()?.Addresses.ElementAtOrDefault(index) ?? $"http://{options.Server.Host}:{port}";
        return new Uri(address.Replace("[::]", "localhost", StringComparison.Ordinal).Replace("0.0.0.0", "localhost", StringComparison.Ordinal).Replace("*", "localhost", StringComparison.Ordinal));
    }
}
