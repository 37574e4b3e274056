using System.Reflection;
using Serving.Server.Health;

namespace Serving.Server.Http;

/// <summary>The page at <c>/</c> and its files, embedded in the program; open to everyone, since it holds nothing of anyone's.</summary>
internal static class PageEndpoints
{
    // The page runs its own script and style, talks to this server, and may be shown in no other page.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly (string Route, string Resource, string ContentType)[] Files =
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/page/app.js", "app.js", "text/javascript; charset=utf-8"),
        ("/page/style.css", "style.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "favicon.svg", "image/svg+xml"),
    ];

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var (route, resource, contentType) in Files)
        {
            var body = Read(resource);
            routes.MapRead(route, context => WriteAsync(context, body, contentType)).AllowAnonymous();
        }
    }

    private static Task WriteAsync(HttpContext context, byte[] body, string contentType)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static byte[] Read(string resource)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Page.{resource}")
            ?? throw new InvalidOperationException($"The page's file {resource} is not embedded.");
        var body = new byte[stream.Length];
        stream.ReadExactly(body);
        return body;
    }
}
