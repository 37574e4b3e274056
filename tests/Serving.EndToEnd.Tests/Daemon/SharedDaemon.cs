namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>One daemon with a key, for all tests of a class that only talk to it.</summary>
public sealed class SharedDaemon : IAsyncLifetime
{
    /// <summary>Its key.</summary>
    public const string Key = "a-key-of-the-tests";

    internal DaemonProcess Process { get; private set; } = null!;

    /// <summary>Where clients of the API are pointed to.</summary>
    public Uri Api => new(Process.Address, "/v1");

    /// <summary>Where gRPC's clients are pointed to: host and port.</summary>
    public string Grpc => Process.GrpcAddress.Authority;

    public async ValueTask InitializeAsync() => Process = await DaemonProcess.StartAsync("--api-key", Key);

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
