using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Telemetry;

/// <summary>
/// The bytes of <c>/metrics</c>, rendered at most every 50 ms however often they are asked for: routers scrape each pod that often, and take data older than
/// 200 ms for a saturated server.
/// </summary>
internal sealed class MetricsPage(EngineAccess access, TenantStore tenants, RequestCounters counters, TimeProvider time)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromMilliseconds(50);
    private readonly Lock _lock = new();
    private byte[] _bytes = [];
    private long? _renderedAt;

    /// <summary>The page as of at most 50 ms ago.</summary>
    public byte[] Current
    {
        get
        {
            lock (_lock)
            {
                var now = time.GetTimestamp();
                if (_renderedAt is not { } last || time.GetElapsedTime(last, now) >= MaxAge)
                {
                    _bytes = Render();
                    _renderedAt = now;
                }

                return _bytes;
            }
        }
    }

    private byte[] Render()
    {
        var writer = new PrometheusWriter();
        if (access.Client is { } engine)
        {
            EngineMetrics.Write(writer, engine, hideNames: tenants.Current.TenantCount > 1, time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        }

        writer.Family("http_requests_total", "counter", "Answered HTTP requests.");
        foreach (var (handler, method, status, count) in counters.Requests.OrderBy(request => request.Handler, StringComparer.Ordinal).ThenBy(request => request.Status))
        {
            writer.Series(
                "http_requests_total",
                $"{PrometheusWriter.Label("handler", handler)},{PrometheusWriter.Label("method", method)},status=\"{status}\"",
                count);
        }

        writer.Single("serving_unknown_fields_total", "counter", "Fields of request bodies that nobody knows.", "", counters.UnknownFields);
        writer.Single("serving_build_info", "gauge", "The daemon's version.", PrometheusWriter.Label("version", ProductVersion.Number), 1);
        return writer.ToBytes();
    }
}
