using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Front;

/// <summary>The one place where an expected failure becomes an HTTP status, a type and a body, and a gRPC status code.</summary>
internal static class ErrorMapper
{
    /// <summary>The code of a rate limit, as OpenAI's clients look for it.</summary>
    public const string RateLimitCode = "rate_limit_exceeded";

    private const string Thread = "thread";

    /// <summary>The status (nginx's 499 for a client that went away, who never sees it).</summary>
    public static int Status(RequestError error) => error switch
    {
        RequestError.InvalidRequest or RequestError.NotSupported or RequestError.ContextTooLong or RequestError.ExceedsTenantLimit => 400,
        RequestError.Unauthorized => 401,
        RequestError.Forbidden => 403,
        RequestError.ModelNotFound or RequestError.SchemaNotFound or RequestError.ResponseNotFound => 404,
        RequestError.SlowReader => 408,
        RequestError.BodyTooLarge => 413,
        RequestError.AdapterInvalid or RequestError.ConstraintUnsatisfiable => 422,
        RequestError.TenantLimit or RequestError.RateLimited or RequestError.QueueFull => 429,
        RequestError.Cancelled => 499,
        RequestError.Draining or RequestError.NotReady or RequestError.AdapterUnavailable or RequestError.EngineFailed => 503,
        RequestError.DeadlineExceeded => 504,
        _ => 500,
    };

    /// <summary>The status on Anthropic's routes: a full queue is 529 there.</summary>
    public static int MessageStatus(RequestError error) => error == RequestError.QueueFull ? 529 : Status(error);

    /// <summary>The gRPC status code.</summary>
    public static GrpcStatusCode Code(RequestError error) => error switch
    {
        RequestError.InvalidRequest or RequestError.ContextTooLong or RequestError.ExceedsTenantLimit => GrpcStatusCode.InvalidArgument,
        RequestError.NotSupported => GrpcStatusCode.Unimplemented,
        RequestError.ModelNotFound or RequestError.SchemaNotFound or RequestError.ResponseNotFound => GrpcStatusCode.NotFound,
        RequestError.AdapterInvalid or RequestError.ConstraintUnsatisfiable => GrpcStatusCode.FailedPrecondition,
        RequestError.Unauthorized => GrpcStatusCode.Unauthenticated,
        RequestError.Forbidden => GrpcStatusCode.PermissionDenied,
        RequestError.BodyTooLarge or RequestError.TenantLimit or RequestError.RateLimited or RequestError.QueueFull or RequestError.SlowReader
            => GrpcStatusCode.ResourceExhausted,
        RequestError.Draining or RequestError.NotReady or RequestError.AdapterUnavailable or RequestError.EngineFailed => GrpcStatusCode.Unavailable,
        RequestError.DeadlineExceeded => GrpcStatusCode.DeadlineExceeded,
        RequestError.Cancelled => GrpcStatusCode.Cancelled,
        _ => GrpcStatusCode.Internal,
    };

    /// <summary>The type of a status, as vLLM's clients know it.</summary>
    public static string Type(int status) => status switch
    {
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        405 => "MethodNotAllowedError",
        408 or 504 => "TimeoutError",
        413 => "RequestTooLargeError",
        415 => "UnsupportedMediaTypeError",
        422 => "UnprocessableEntityError",
        429 => "RateLimitError",
        503 => "ServiceUnavailableError",
        >= 500 => "InternalServerError",
        _ => "BadRequestError",
    };

    /// <summary>The type of a status, as Anthropic's clients know it.</summary>
    public static string MessageType(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 or 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };

    /// <summary>After which a later try may succeed, for failures that pass.</summary>
    public static TimeSpan? RetryAfter(RequestFailure failure) => failure.Error switch
    {
        RequestError.RateLimited => failure.RetryAfter,
        RequestError.TenantLimit or RequestError.QueueFull or RequestError.Draining or RequestError.NotReady or RequestError.AdapterUnavailable or RequestError.EngineFailed
            => failure.RetryAfter > TimeSpan.FromSeconds(1) ? failure.RetryAfter : TimeSpan.FromSeconds(1),
        _ => null,
    };

    /// <summary>The body of a failure.</summary>
    public static ErrorBody Body(RequestFailure failure)
    {
        var status = Status(failure.Error);
        return failure is { Error: RequestError.RateLimited, Limit: { } limit }
            ? new ErrorBody(new ErrorDetail(failure.Message, limit.Limit == TenantLimitKind.RequestsPerMinute ? "requests" : "tokens", null, new ErrorCode(status, RateLimitCode)))
            : new ErrorBody(new ErrorDetail(failure.Message, Type(status), failure.Parameter, new ErrorCode(status)));
    }

    /// <summary>A failure as Anthropic's clients are told of it. There is no field for the field that is wrong: the message begins with it.</summary>
    public static MessageError MessageError(RequestFailure failure)
    {
        var message = failure.Parameter is { } field && !failure.Message.StartsWith(field, StringComparison.Ordinal) ? $"{field}: {failure.Message}" : failure.Message;
        return new MessageError(failure.Error == RequestError.EngineFailed ? "api_error" : MessageType(MessageStatus(failure.Error)), message)
        {
            // The tool runner of Anthropic's clients asks for a thread unasked, and goes on without when it is told so.
            Details = failure is { Error: RequestError.NotSupported, Parameter: Thread } ? new MessageErrorDetails("thread_unsupported_request", [Thread]) : null,
        };
    }

    /// <summary>The body of a status that no endpoint gave a body.</summary>
    public static ErrorBody Body(int status) => new(new ErrorDetail(Words(status), Type(status), null, new ErrorCode(status)));

    /// <summary>The same for Anthropic's clients.</summary>
    public static MessageError MessageError(int status) =>
        new(MessageType(status), status == 401 ? "A valid API key is needed: x-api-key: KEY, or Authorization: Bearer KEY." : Words(status));

    private static string Words(int status) => status switch
    {
        400 => "The request is malformed.",
        401 => "A valid API key is needed: Authorization: Bearer KEY.",
        403 => "This key may not do that.",
        404 => "There is nothing here.",
        405 => "This method is not allowed here.",
        408 => "The request did not arrive in time.",
        413 => "The request body is larger than the limit.",
        415 => "This content type is not accepted here: the HTTP API takes application/json, not compressed, gRPC application/grpc.",
        421 => "Without keys this server is reached by an address or a name of its own machine only: give it --api-key or --tenants, or --allow-anonymous if anyone may use it.",
        426 => "gRPC needs HTTP/2.",
        _ => "The request failed.",
    };
}
