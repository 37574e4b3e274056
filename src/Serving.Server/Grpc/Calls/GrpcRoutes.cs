using Google.Protobuf;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Grpc.Framing;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Serving.Server.Grpc.Calls;

/// <summary>Puts methods into the route table, as <c>/SERVICE/METHOD</c>. As everywhere, one that is not said to be open needs a key.</summary>
internal static class GrpcRoutes
{
    /// <summary>A method with one request and one response.</summary>
    public static IEndpointConventionBuilder MapUnary<TRequest, TResponse>(
        this IEndpointRouteBuilder routes,
        ServiceDescriptor service,
        string name,
        Func<GrpcCall, TRequest, ValueTask<(TResponse? Response, RequestFailure? Failure)>> method)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage => routes.MapStream<TRequest>(service, name, async (call, request) =>
        {
            var (response, failure) = await method(call, request);
            if (response is not null)
            {
                await call.WriteAsync(response);
            }

            return failure;
        });

    /// <summary>A method with one request that writes its responses itself.</summary>
    public static IEndpointConventionBuilder MapStream<TRequest>(
        this IEndpointRouteBuilder routes,
        ServiceDescriptor service,
        string name,
        Func<GrpcCall, TRequest, Task<RequestFailure?>> method)
        where TRequest : class, IMessage<TRequest>, new() => routes.MapCall(service, name, async call =>
        {
            var (request, failure) = await call.ReadOnlyAsync<TRequest>();
            return GrpcStatus.Of(request is null ? failure : await method(call, request));
        });

    /// <summary>A method that reads and writes as it likes.</summary>
    public static IEndpointConventionBuilder MapCall(this IEndpointRouteBuilder routes, ServiceDescriptor service, string name, Func<GrpcCall, Task<GrpcStatus>> method)
    {
        var descriptor = service.FindMethodByName(name) ?? throw new InvalidOperationException($"{service.FullName} has no method {name}.");
        var limits = routes.ServiceProvider.GetRequiredService<GrpcLimits>();
        return routes.MapPost($"/{service.FullName}/{name}", context => AnswerAsync(context, limits, method))
            .WithMetadata(descriptor)
            .ExcludeFromDescription();
    }

    private static async Task AnswerAsync(HttpContext context, GrpcLimits limits, Func<GrpcCall, Task<GrpcStatus>> method)
    {
        if (!GrpcProtocol.IsSpokenBy(context.Request.ContentType))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        if (!GrpcTimeout.TryParse(context.Request.Headers[GrpcProtocol.TimeoutHeader], out var timeout))
        {
            context.Features.Set(GrpcStatus.Of(new RequestFailure(RequestError.InvalidRequest, "grpc-timeout: expected one to eight digits and one of H, M, S, m, u, n.")));
            return;
        }

        using var call = new GrpcCall(context, limits, timeout);
        context.Features.Set(call);
        context.Features.Set(await method(call));
    }
}
