namespace Serving.Server.Health;

/// <summary>Routes that are looked at: checks of containers and monitors ask with HEAD (wget --spider), browsers with GET.</summary>
internal static class ReadRoutes
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Adds one; of an answer to HEAD the web server sends the headers alone.</summary>
    public static IEndpointConventionBuilder MapRead(this IEndpointRouteBuilder routes, string pattern, RequestDelegate handler) => routes.MapMethods(pattern, Methods, handler);
}
