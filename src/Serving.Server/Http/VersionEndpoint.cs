using Serving.Server.Hosting;

namespace Serving.Server.Http;

/// <summary><c>GET /version</c>.</summary>
internal static class VersionEndpoint
{
    private static readonly byte[] Body = System.Text.Encoding.UTF8.GetBytes($"{{\"version\":\"{ProductVersion.Number}\"}}");

    /// <summary>Answers one request.</summary>
    public static Task HandleAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = Body.Length;
        return context.Response.Body.WriteAsync(Body, context.RequestAborted).AsTask();
    }
}
