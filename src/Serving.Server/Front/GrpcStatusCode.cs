namespace Serving.Server.Front;

/// <summary>How a gRPC call ended: the protocol's codes and their numbers (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).</summary>
internal enum GrpcStatusCode
{
    /// <summary>It was answered.</summary>
    Ok = 0,

    /// <summary>The client gave it up.</summary>
    Cancelled = 1,

    /// <summary>Nobody knows.</summary>
    Unknown = 2,

    /// <summary>The request is wrong, whatever state the server is in.</summary>
    InvalidArgument = 3,

    /// <summary>Its time was up.</summary>
    DeadlineExceeded = 4,

    /// <summary>What it names is not there.</summary>
    NotFound = 5,

    /// <summary>The caller is known and may not.</summary>
    PermissionDenied = 7,

    /// <summary>A limit is reached.</summary>
    ResourceExhausted = 8,

    /// <summary>What it names is not in the state that it must be in.</summary>
    FailedPrecondition = 9,

    /// <summary>There is no such method, or it does not do this.</summary>
    Unimplemented = 12,

    /// <summary>The server is wrong.</summary>
    Internal = 13,

    /// <summary>A later try may succeed.</summary>
    Unavailable = 14,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,
}
