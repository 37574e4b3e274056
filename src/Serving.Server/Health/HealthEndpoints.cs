using Serving.Engine;
using Serving.Server.Hosting;

namespace Serving.Server.Health;

/// <summary>
/// The probes: <c>live</c> fails when the process must be replaced, <c>ready</c> when no requests should be sent to it now, <c>startup</c> until the model is
/// loaded. Bodies are fixed bytes; nothing here waits for the engine.
/// </summary>
internal sealed class HealthEndpoints(EngineAccess access)
{
    private static readonly byte[] Ok = "ok\n"u8.ToArray();
    private static readonly byte[] Starting = "starting\n"u8.ToArray();
    private static readonly byte[] Draining = "draining\n"u8.ToArray();
    private static readonly byte[] Failed = "failed\n"u8.ToArray();

    /// <summary>Adds the four routes, open to everyone.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health", context => AnswerAsync(context, Ready(), withBody: false)).AllowAnonymous();
        routes.MapGet("/health/live", context => AnswerAsync(context, Live(), withBody: true)).AllowAnonymous();
        routes.MapGet("/health/ready", context => AnswerAsync(context, Ready(), withBody: true)).AllowAnonymous();
        routes.MapGet("/health/startup", context => AnswerAsync(context, Startup(), withBody: true)).AllowAnonymous();
    }

    private byte[] Live() => access.Client is null || (access.Client.IsAlive && access.State != EngineState.Failed) ? Ok : Failed;

    private byte[] Ready() => access.State switch
    {
        EngineState.Ready when access.Client is { IsAlive: true } => Ok,
        EngineState.Starting => Starting,
        EngineState.Draining => Draining,
        _ => Failed,
    };

    private byte[] Startup() => access.Client is null ? Starting : Ok;

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
