using Serving.Server.Configuration;

namespace Serving.Server.Http;

/// <summary>How long a stream's two ends wait for each other.</summary>
/// <param name="Stall">After which a client that takes nothing more is cut off.</param>
/// <param name="Ping">After which one that has had nothing yet is told that it is still waited for.</param>
internal readonly record struct StreamTiming(TimeSpan Stall, TimeSpan Ping)
{
    /// <summary>That of the options.</summary>
    public static StreamTiming Of(ServingOptions options) => new(TimeSpan.FromSeconds(options.Server.StallTimeout), TimeSpan.FromSeconds(options.Server.PingInterval));
}
