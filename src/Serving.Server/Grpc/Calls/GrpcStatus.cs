using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Front;

namespace Serving.Server.Grpc.Calls;

/// <summary>How a call ended, as its sender is told.</summary>
/// <param name="Code">The status code.</param>
/// <param name="Message">For a person; empty when all is well.</param>
/// <param name="Failure">The expected failure behind it, if there is one.</param>
internal sealed record GrpcStatus(GrpcStatusCode Code, string Message, RequestFailure? Failure = null)
{
    /// <summary>It was answered.</summary>
    public static GrpcStatus Ok { get; } = new(GrpcStatusCode.Ok, "");

    /// <summary>The server is wrong; what exactly stands in the log.</summary>
    public static GrpcStatus Internal { get; } = new(GrpcStatusCode.Internal, "The request failed.");

    /// <summary>There is no such method.</summary>
    public static GrpcStatus Unimplemented { get; } = new(GrpcStatusCode.Unimplemented, "There is no such method.");

    /// <summary>The status of an expected failure; of none, that all is well.</summary>
    public static GrpcStatus Of(RequestFailure? failure) => failure is null ? Ok : new(ErrorMapper.Code(failure.Error), failure.Message, failure);

    /// <summary>The status of a call that no method has answered, by the HTTP status that says why.</summary>
    public static GrpcStatus OfHttp(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => Of(new RequestFailure(RequestError.Unauthorized, "A valid API key is needed: metadata authorization, Bearer KEY.")),
        StatusCodes.Status403Forbidden => Of(new RequestFailure(RequestError.Forbidden, "This key may not do that.")),
        StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed => Unimplemented,
        StatusCodes.Status413PayloadTooLarge => Of(new RequestFailure(RequestError.BodyTooLarge, "The request is larger than the limit.")),
        StatusCodes.Status408RequestTimeout or >= 400 and < 500 => Of(new RequestFailure(RequestError.InvalidRequest, "The request is malformed.")),
        _ => Internal,
    };
}
