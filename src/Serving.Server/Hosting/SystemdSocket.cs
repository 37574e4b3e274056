using System.Collections;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Serving.Server.Hosting;

/// <summary>
/// The datagram socket on which systemd hears how a service of <c>Type=notify</c> is (sd_notify(3)): lines such as <c>READY=1</c>. Without one, as everywhere
/// outside systemd, messages go nowhere.
/// </summary>
internal sealed class SystemdSocket
{
    private readonly UnixDomainSocketEndPoint? _address;

    private SystemdSocket(UnixDomainSocketEndPoint? address, TimeSpan? watchdog)
    {
        _address = address;
        WatchdogInterval = watchdog;
    }

    /// <summary>The time within which systemd wants to hear of the service again and again; null when it does not.</summary>
    public TimeSpan? WatchdogInterval { get; }

    /// <summary>Reads what systemd says in the environment. A variable that makes no sense counts as missing, as in libsystemd.</summary>
    /// <param name="environment">The environment's variables.</param>
    /// <param name="processId">This process: a watchdog may be meant for another.</param>
    public static SystemdSocket FromEnvironment(IDictionary environment, int processId)
    {
        var address = environment["NOTIFY_SOCKET"] is string { Length: > 1 } path ? AddressOf(path) : null;
        return new SystemdSocket(address, address is null ? null : IntervalOf(environment, processId));
    }

    /// <summary>Sends a message; what systemd does not take in time is dropped.</summary>
    /// <param name="message">Assignments, one a line.</param>
    /// <param name="patience">How long to wait while its queue is full: for what is said once only. Zero: not at all.</param>
    public void Send(string message, TimeSpan patience = default)
    {
        if (_address is null)
        {
            return;
        }

        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)
            {
                Blocking = patience > TimeSpan.Zero,
                SendTimeout = (int)patience.TotalMilliseconds,
            };
            socket.SendTo(Encoding.UTF8.GetBytes(message), _address);
        }
        catch (SocketException)
        {
            // Nobody listens, or nobody reads: what the service does must not depend on it.
        }
    }

    // A path, or a name of Linux' abstract namespace behind "@".
    private static UnixDomainSocketEndPoint? AddressOf(string path)
    {
        try
        {
            return path[0] switch
            {
                '/' => new UnixDomainSocketEndPoint(path),
                '@' => new UnixDomainSocketEndPoint($"\0{path[1..]}"),
                _ => null,
            };
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static TimeSpan? IntervalOf(IDictionary environment, int processId)
    {
        var forUs = environment["WATCHDOG_PID"] is not string text || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var process) && process == processId);
        return forUs
            && environment["WATCHDOG_USEC"] is string interval
            && long.TryParse(interval, NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds is > 0 and <= 86_400_000_000
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
    }
}
