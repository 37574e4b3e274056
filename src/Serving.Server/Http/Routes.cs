using Serving.Server.Health;

namespace Serving.Server.Http;

/// <summary>
/// Every route of the daemon. One without <c>AllowAnonymous</c> needs a key: that is the default, so that a forgotten line closes a route instead of opening it.
/// </summary>
internal static class Routes
{
    /// <summary>Adds them all.</summary>
    public static void MapServing(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        services.GetRequiredService<HealthEndpoints>().Map(routes);
        routes.MapGet("/version", VersionEndpoint.HandleAsync).AllowAnonymous();
        MapOpenAi(routes, services);
    }

    private static void MapOpenAi(IEndpointRouteBuilder routes, IServiceProvider services)
    {
        var models = services.GetRequiredService<ModelsEndpoint>();
        routes.MapGet("/v1/models", models.ListAsync);
        routes.MapGet("/v1/models/{id}", models.ShowAsync);
        MapJson(routes, "/v1/chat/completions", services.GetRequiredService<ChatCompletionsEndpoint>().HandleAsync);
        MapJson(routes, "/v1/completions", services.GetRequiredService<CompletionsEndpoint>().HandleAsync);
        MapJson(routes, "/tokenize", services.GetRequiredService<TokenizeEndpoint>().HandleAsync);
        MapJson(routes, "/detokenize", services.GetRequiredService<DetokenizeEndpoint>().HandleAsync);
        MapJson(routes, "/v1/load_lora_adapter", services.GetRequiredService<LoadAdapterEndpoint>().HandleAsync);
        MapJson(routes, "/v1/unload_lora_adapter", services.GetRequiredService<UnloadAdapterEndpoint>().HandleAsync);
    }

    // Only JSON by name is taken: a page of another site can make a browser post text/plain to a daemon on loopback, but not this.
    private static void MapJson(IEndpointRouteBuilder routes, string pattern, RequestDelegate handler) =>
        routes.MapPost(pattern, handler).WithMetadata(new Microsoft.AspNetCore.Http.Metadata.AcceptsMetadata(["application/json"]));
}
