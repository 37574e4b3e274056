using System.Net;

namespace Serving.Server.Tenancy;

/// <summary>
/// Names that lead to this machine, or to another one of its network, and to nobody's web site. Any site can let its own name resolve to a loopback address, and its page is then at home
/// here for a browser (DNS rebinding); but the name is its own, and browsers send it.
/// </summary>
internal static class LocalNames
{
    // Of RFC 6761, RFC 6762, and ICANN's for private use (host.docker.internal).
    private static readonly string[] Endings = [".localhost", ".local", ".internal"];

    /// <summary>Whether a request's Host header is one of them: an address, a name without a dot, one below a domain that nobody can register.</summary>
    public static bool Has(HostString host)
    {
        var name = host.Host.TrimEnd('.');
        return !name.Contains('.', StringComparison.Ordinal)
            || IPAddress.TryParse(name, out _)
            || Endings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }
}
