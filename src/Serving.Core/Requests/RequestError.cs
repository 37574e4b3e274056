namespace Serving.Core.Requests;

/// <summary>Every expected failure of a request. One file of the server maps them to HTTP and gRPC codes.</summary>
public enum RequestError
{
    /// <summary>A field is malformed or out of range.</summary>
    InvalidRequest,

    /// <summary>A field is known and not done by this daemon.</summary>
    NotSupported,

    /// <summary>No such model or adapter, or none that the caller may use.</summary>
    ModelNotFound,

    /// <summary>No such prompt schema, or none that the caller may use.</summary>
    SchemaNotFound,

    /// <summary>No such response, or item of one, is kept, or none that is the caller's.</summary>
    ResponseNotFound,

    /// <summary>Prompt, or prompt + max_tokens, exceeds the model's context or the pool.</summary>
    ContextTooLong,

    /// <summary>The adapter's files are corrupt or of an unsupported kind.</summary>
    AdapterInvalid,

    /// <summary>The adapter cannot be read now; a later try may succeed.</summary>
    AdapterUnavailable,

    /// <summary>No valid key.</summary>
    Unauthorized,

    /// <summary>The caller's role does not allow this.</summary>
    Forbidden,

    /// <summary>The body is larger than the limit.</summary>
    BodyTooLarge,

    /// <summary>The tenant has as much under way as it may.</summary>
    TenantLimit,

    /// <summary>The tenant has asked for as much as a minute allows.</summary>
    RateLimited,

    /// <summary>It is more than one of its tenant's limits by itself, and would never be let in.</summary>
    ExceedsTenantLimit,

    /// <summary>The daemon's queue is full.</summary>
    QueueFull,

    /// <summary>The daemon is shutting down.</summary>
    Draining,

    /// <summary>The daemon has not finished starting.</summary>
    NotReady,

    /// <summary>The request's deadline passed.</summary>
    DeadlineExceeded,

    /// <summary>The client read its stream too slowly.</summary>
    SlowReader,

    /// <summary>The constraint on the output allows no further token of the model's vocabulary, and is not satisfied by what is there.</summary>
    ConstraintUnsatisfiable,

    /// <summary>The client went away.</summary>
    Cancelled,

    /// <summary>The device failed; every request in flight ends with this.</summary>
    EngineFailed,

    /// <summary>What nobody foresaw happened to this request, or to the adapter that it asks for, and to nothing else; the log says what.</summary>
    Internal,
}
