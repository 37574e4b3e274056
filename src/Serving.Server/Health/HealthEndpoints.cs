using Serving.Engine;

namespace Serving.Server.Health;

/// <summary>
/// The probes: <c>live</c> fails when the process must be replaced, <c>ready</c> when no requests should be sent to it now, <c>startup</c> until the model is
/// loaded. Bodies are fixed bytes; nothing here waits for the engine.
/// </summary>
internal sealed class HealthEndpoints(DaemonHealth health)
{
    private static readonly byte[] Ok = "ok\n"u8.ToArray();
    private static readonly byte[] Starting = "starting\n"u8.ToArray();
    private static readonly byte[] Draining = "draining\n"u8.ToArray();
    private static readonly byte[] Failed = "failed\n"u8.ToArray();

    /// <summary>Adds the four routes, open to everyone.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapRead("/health", context => AnswerAsync(context, Ready(), withBody: false)).AllowAnonymous();
        routes.MapRead("/health/live", context => AnswerAsync(context, Live(), withBody: true)).AllowAnonymous();
        routes.MapRead("/health/ready", context => AnswerAsync(context, Ready(), withBody: true)).AllowAnonymous();
        routes.MapRead("/health/startup", context => AnswerAsync(context, Startup(), withBody: true)).AllowAnonymous();
    }

    private byte[] Live() => health.IsLive ? Ok : Failed;

    private byte[] Ready() => health.IsReady ? Ok : health.State switch
    {
        EngineState.Starting => Starting,
        EngineState.Draining => Draining,
        _ => Failed,
    };

    private byte[] Startup() => health.IsStarted ? Ok : Starting;

    private static Task AnswerAsync(HttpContext context, byte[] body, bool withBody)
    {
        context.Response.StatusCode = body == Ok ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.CacheControl = "no-store";
        if (!withBody)
        {
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        }

        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
