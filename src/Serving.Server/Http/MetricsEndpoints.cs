using Serving.Server.Configuration;
using Serving.Server.Health;
using Serving.Server.Hosting;
using Serving.Server.Telemetry;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>GET /metrics</c>, open unless configured otherwise, and <c>GET /metrics/tenants</c>, for admins.</summary>
internal sealed class MetricsEndpoints(MetricsPage page, EngineAccess access, ServingOptions options)
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Adds both.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        var metrics = routes.MapRead("/metrics", context => WriteAsync(context, page.Current));
        if (options.Telemetry.OpenMetrics)
        {
            metrics.AllowAnonymous();
        }

        routes.MapRead("/metrics/tenants", context => WriteAsync(context, access.Client is { } engine ? TenantMetrics.Render(engine.Snapshot, engine.Statistics) : []))
            .RequireAuthorization(ApiKeyAuthentication.AdminPolicy);
    }

    private static Task WriteAsync(HttpContext context, byte[] body)
    {
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
