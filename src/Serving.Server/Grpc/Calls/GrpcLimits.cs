using Serving.Server.Configuration;
using Serving.Server.Telemetry;

namespace Serving.Server.Grpc.Calls;

/// <summary>What calls are bounded by, and what they are counted with.</summary>
internal sealed class GrpcLimits(ServingOptions options, TimeProvider time, RequestCounters counters)
{
    /// <summary>Bytes of a message at most: HTTP's limit of a body.</summary>
    public long MaxMessageSize { get; } = options.Server.MaxBodySize;

    /// <summary>How long a client may take nothing, or say nothing where it is its turn.</summary>
    public TimeSpan StallTimeout { get; } = TimeSpan.FromSeconds(options.Server.StallTimeout);

    /// <summary>The clock of deadlines.</summary>
    public TimeProvider Time { get; } = time;

    /// <summary>Counts.</summary>
    public RequestCounters Counters { get; } = counters;
}
