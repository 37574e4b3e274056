namespace Serving.Server.Grpc;

/// <summary>Every gRPC service of the daemon.</summary>
internal static class GrpcEndpoints
{
    /// <summary>Adds them all.</summary>
    public static void MapGrpc(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        services.GetRequiredService<InferenceService>().Map(routes);
        services.GetRequiredService<AdapterService>().Map(routes);
        services.GetRequiredService<HealthService>().Map(routes);
        services.GetRequiredService<ReflectionService>().Map(routes);
    }
}
