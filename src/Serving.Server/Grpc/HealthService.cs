using System.Collections.Frozen;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.Health.V1;
using Serving.Server.Front;
using Serving.Server.Grpc.Calls;
using Serving.Server.Health;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;
using ServingStatus = Serving.Protocol.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Serving.Server.Grpc;

/// <summary><c>grpc.health.v1.Health</c>, open to everyone, for the probes of Kubernetes and of load balancers.</summary>
internal sealed class HealthService(DaemonHealth health, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>What a liveness probe asks for.</summary>
    public const string Liveness = "liveness";

    /// <summary>What a start-up probe asks for.</summary>
    public const string Startup = "startup";

    // Draining and a failing engine are seen this fast; readiness has to flip within a second.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    private readonly FrozenDictionary<string, Func<bool>> _services = new Dictionary<string, Func<bool>>
    {
        [""] = () => health.IsReady,
        [InferenceService.Descriptor.FullName] = () => health.IsReady,
        [AdapterService.Descriptor.FullName] = () => health.IsReady,
        [Liveness] = () => health.IsLive,
        [Startup] = () => health.IsStarted,
    }.ToFrozenDictionary();

    /// <summary>Its description.</summary>
    public static ServiceDescriptor Descriptor { get; } = HealthReflection.Descriptor.Services.Single();

    /// <summary>Adds its methods.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapCall(Descriptor, "Check", CheckAsync).AllowAnonymous();
        routes.MapStream<HealthCheckRequest>(Descriptor, "Watch", WatchAsync).AllowAnonymous();
    }

    private ServingStatus Now(string service) => !_services.TryGetValue(service, out var isHealthy) ? ServingStatus.ServiceUnknown
        : isHealthy() ? ServingStatus.Serving : ServingStatus.NotServing;

    private async Task<GrpcStatus> CheckAsync(GrpcCall call)
    {
        var (request, failure) = await call.ReadOnlyAsync<HealthCheckRequest>();
        if (request is null)
        {
            return GrpcStatus.Of(failure);
        }

        var now = Now(request.Service);
        if (now == ServingStatus.ServiceUnknown)
        {
            return new GrpcStatus(GrpcStatusCode.NotFound, "There is no such service.");
        }

        await call.WriteAsync(new HealthCheckResponse { Status = now });
        return GrpcStatus.Ok;
    }

    private async Task<RequestFailure?> WatchAsync(GrpcCall call, HealthCheckRequest request)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(call.Cancelled, lifetime.ApplicationStopping);
        using var timer = new PeriodicTimer(LookInterval, time);
        var told = ServingStatus.Unknown;
        try
        {
            do
            {
                var now = Now(request.Service);
                if (now != told)
                {
                    told = now;
                    await call.WriteAsync(new HealthCheckResponse { Status = now });
                }
            }
            while (await timer.WaitForNextTickAsync(either.Token));
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Below.
        }

        return Failures.Of(RequestError.Draining);
    }
}
