using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Serving.Server.Grpc.Framing;

/// <summary>Reads <c>grpc-timeout</c>: one to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    /// <summary>Longest time that is kept; more is as good as this, and timers go no further than 49 days.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    private const int MaxDigits = 8;

    /// <summary>Reads the header.</summary>
    /// <param name="header">Its values; none is no timeout.</param>
    /// <param name="timeout">How long the client waits; null for ever.</param>
    /// <returns>False when it is malformed.</returns>
    public static bool TryParse(StringValues header, out TimeSpan? timeout)
    {
        timeout = null;
        if (header.Count == 0)
        {
            return true;
        }

        if (header is not [{ Length: > 1 and <= MaxDigits + 1 } text] || Ticks(text[^1]) is not { } unit
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return false;
        }

        // Nanoseconds are finer than a tick: what is left of one still is some time.
        var ticks = unit > 0 ? Math.Min(count, Longest.Ticks / unit) * unit : (count + 99) / 100;
        timeout = new TimeSpan(ticks);
        return true;
    }

    // Ticks of a unit; 0 for one that is shorter.
    private static long? Ticks(char unit) => unit switch
    {
        'H' => TimeSpan.TicksPerHour,
        'M' => TimeSpan.TicksPerMinute,
        'S' => TimeSpan.TicksPerSecond,
        'm' => TimeSpan.TicksPerMillisecond,
        'u' => TimeSpan.TicksPerMicrosecond,
        'n' => 0,
        _ => null,
    };
}
