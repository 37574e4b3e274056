using Serving.Engine;
using Serving.Server.Configuration;
using Serving.Server.Hosting;
using Serving.Server.Metering;
using Serving.Server.Responses;
using Serving.Server.Tenancy;

namespace Serving.Server.Telemetry;

/// <summary>
/// The bytes of <c>/metrics</c>, rendered at most every 50 ms however often they are asked for: routers scrape each pod that often, and take data older than
/// 200 ms for a saturated server.
/// </summary>
internal sealed class MetricsPage(EngineAccess access, TenantStore tenants, RequestCounters counters, UsageLedger usage, ResponseStore responses, ServingOptions options, TimeProvider time)
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
            EngineMetrics.Write(writer, engine, NamesOf(options.Telemetry.AdapterNames), time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        }

        WriteState(writer);
        WriteRequests(writer);
        ProcessMetrics.Write(writer);
        writer.Single("serving_build_info", "gauge", "The daemon's version.", PrometheusWriter.Label("version", ProductVersion.Number), 1);
        return writer.ToBytes();
    }

    private AdapterNaming NamesOf(string setting) => setting switch
    {
        "names" => AdapterNaming.OfRequests,
        "ids" => AdapterNaming.Opaque,
        _ => tenants.Current.TenantCount > 1 ? AdapterNaming.Opaque : AdapterNaming.OfRequests,
    };

    private void WriteState(PrometheusWriter writer)
    {
        writer.Family("serving_engine_state", "gauge", "1 for the state that the engine is in.");
        foreach (var state in Enum.GetValues<EngineState>())
        {
            writer.Series("serving_engine_state", PrometheusWriter.Label("state", state.ToString().ToLowerInvariant()), access.State == state ? 1 : 0);
        }

        writer.Single("serving_engine_alive", "gauge", "0 when steps are due and none has ended for engine.watchdog_timeout.", "", access.Client is { IsAlive: false } ? 0 : 1);
        writer.Single("serving_requests_running_limit", "gauge", "Sequences that run at once at most.", "", options.Engine.MaxNumSeqs);
        writer.Single("serving_requests_waiting_limit", "gauge", "Requests waiting at most.", "", options.Engine.MaxQueuedRequests);
    }

    private void WriteRequests(PrometheusWriter writer)
    {
        writer.Family("http_requests_total", "counter", "Answered HTTP requests.");
        foreach (var (handler, method, status, count) in counters.Requests.OrderBy(request => request.Handler, StringComparer.Ordinal).ThenBy(request => request.Status))
        {
            writer.Series(
                "http_requests_total",
                $"{PrometheusWriter.Label("handler", handler)},{PrometheusWriter.Label("method", method)},status=\"{status}\"",
                count);
        }

        writer.Family("grpc_server_handled_total", "counter", "Ended gRPC calls.");
        foreach (var (service, method, code, count) in counters.Calls.OrderBy(call => call.Service, StringComparer.Ordinal).ThenBy(call => call.Method, StringComparer.Ordinal))
        {
            writer.Series(
                "grpc_server_handled_total",
                $"{PrometheusWriter.Label("grpc_service", service)},{PrometheusWriter.Label("grpc_method", method)},{PrometheusWriter.Label("grpc_code", code)}",
                count);
        }

        writer.Single("serving_unknown_fields_total", "counter", "Fields of request bodies that nobody knows, and gRPC messages that hold such.", "", counters.UnknownFields);
        writer.Single("serving_response_store_bytes", "gauge", "Bytes of responses that are kept.", "", responses.Bytes);
        writer.Single("serving_usage_records_total", "counter", "Records written to the usage ledger.", "", usage.Written);
        writer.Single("serving_usage_records_lost_total", "counter", "Records of the usage ledger lost to a full queue or a disk that did not take them.", "", usage.Lost);
        writer.Single("serving_usage_records_waiting", "gauge", "Records that wait for the usage ledger.", "", usage.Waiting);
        writer.Single("serving_stalled_streams_total", "counter", "Streams cut off because their client took nothing more.", "", counters.StalledStreams);
    }
}
