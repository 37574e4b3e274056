using Serving.Engine;
using Serving.Server.Hosting;

namespace Serving.Server.Health;

/// <summary>What the probes of HTTP and gRPC ask. Nothing here waits for the engine.</summary>
internal sealed class DaemonHealth(EngineAccess access)
{
    /// <summary>False when the process must be replaced.</summary>
    public bool IsLive => access.Client is null || (access.Client.IsAlive && access.State != EngineState.Failed);

    /// <summary>False when no requests should be sent to it now.</summary>
    public bool IsReady => access is { State: EngineState.Ready, Client.IsAlive: true };

    /// <summary>False until the model is loaded.</summary>
    public bool IsStarted => access.Client is not null;

    /// <summary>Where the daemon is in its life.</summary>
    public EngineState State => access.State;
}
