using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Grpc.Calls;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Serving.Server.Grpc;

/// <summary><c>serving.v1.AdapterService</c>: shared adapters by admins, a tenant's own by the tenant; the engine knows which is which.</summary>
internal sealed class AdapterService(EngineAccess access)
{
    /// <summary>Its description.</summary>
    public static ServiceDescriptor Descriptor { get; } = AdapterServiceReflection.Descriptor.Services.Single();

    /// <summary>Adds its methods.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapUnary<LoadAdapterRequest, LoadAdapterResponse>(Descriptor, "LoadAdapter", LoadAsync);
        routes.MapUnary<UnloadAdapterRequest, UnloadAdapterResponse>(Descriptor, "UnloadAdapter", UnloadAsync);
    }

    private async ValueTask<(LoadAdapterResponse? Response, RequestFailure? Failure)> LoadAsync(GrpcCall call, LoadAdapterRequest request)
    {
        if (!access.TryEnter(out var engine, out var failure) || (failure = CheckName(request.Name)) is not null)
        {
            return (null, failure);
        }

        var caller = ApiCaller.Of(call.Context);
        failure = await engine.LoadAdapterAsync(caller.Tenant, caller.IsAdmin, request.Name, request.HasPath ? request.Path : null, request.LoadInPlace, call.Cancelled);
        return failure is not null ? (null, failure) : (new LoadAdapterResponse(), null);
    }

    private async ValueTask<(UnloadAdapterResponse? Response, RequestFailure? Failure)> UnloadAsync(GrpcCall call, UnloadAdapterRequest request)
    {
        if (!access.TryEnter(out var engine, out var failure) || (failure = CheckName(request.Name)) is not null)
        {
            return (null, failure);
        }

        var caller = ApiCaller.Of(call.Context);
        failure = await engine.UnloadAdapterAsync(caller.Tenant, caller.IsAdmin, request.Name, call.Cancelled);
        return failure is not null ? (null, failure) : (new UnloadAdapterResponse(), null);
    }

    private static RequestFailure? CheckName(string name) => name.Length > 0 ? null : new RequestFailure(RequestError.InvalidRequest, "name: is missing.", "name");
}
