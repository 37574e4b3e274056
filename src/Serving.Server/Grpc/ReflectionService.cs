using Google.Protobuf.Reflection;
using Serving.Protocol.Reflection.V1;
using Serving.Protocol.Rpc;
using Serving.Server.Front;
using Serving.Server.Grpc.Calls;
using RequestCase = Serving.Protocol.Reflection.V1.ServerReflectionRequest.MessageRequestOneofCase;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Serving.Server.Grpc;

/// <summary><c>grpc.reflection.v1.ServerReflection</c>: tells grpcurl and its like what there is. It needs a key, as the description of the HTTP API does.</summary>
internal sealed class ReflectionService
{
    private static readonly ServiceDescriptor[] Services = [InferenceService.Descriptor, AdapterService.Descriptor, HealthService.Descriptor, Descriptor];

    // The files of details are no service's; clients look them up to read what a failure carries.
    private readonly DescriptorIndex _index = new([.. Services.Select(service => service.File), ErrorDetailsReflection.Descriptor, StatusReflection.Descriptor]);

    /// <summary>Its description.</summary>
    public static ServiceDescriptor Descriptor => ReflectionReflection.Descriptor.Services.Single();

    /// <summary>Adds its method.</summary>
    public void Map(IEndpointRouteBuilder routes) => routes.MapCall(Descriptor, "ServerReflectionInfo", AnswerAsync);

    private async Task<GrpcStatus> AnswerAsync(GrpcCall call)
    {
        while (true)
        {
            var (request, failure) = await call.ReadNextAsync<ServerReflectionRequest>();
            if (request is null)
            {
                return GrpcStatus.Of(failure);
            }

            await call.WriteAsync(Answer(request));
        }
    }

    private ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case RequestCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse();
                response.ListServicesResponse.Service.AddRange(Services.Select(service => new ServiceResponse { Name = service.FullName }));
                break;
            case RequestCase.FileByFilename when _index.FindFile(request.FileByFilename) is { } file:
                response.FileDescriptorResponse = Write(file);
                break;
            case RequestCase.FileContainingSymbol when _index.FindSymbol(request.FileContainingSymbol) is { } file:
                response.FileDescriptorResponse = Write(file);
                break;
            case RequestCase.AllExtensionNumbersOfType when _index.FindSymbol(request.AllExtensionNumbersOfType) is not null:
                response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = request.AllExtensionNumbersOfType };
                break;
            case RequestCase.None:
                response.ErrorResponse = new ErrorResponse { ErrorCode = (int)GrpcStatusCode.InvalidArgument, ErrorMessage = "The request asks for nothing." };
                break;
            default:
                response.ErrorResponse = new ErrorResponse { ErrorCode = (int)GrpcStatusCode.NotFound, ErrorMessage = "It is not here." };
                break;
        }

        return response;
    }

    private static FileDescriptorResponse Write(FileDescriptor file)
    {
        var response = new FileDescriptorResponse();
        response.FileDescriptorProto.AddRange(DescriptorIndex.Serialize(file));
        return response;
    }
}
