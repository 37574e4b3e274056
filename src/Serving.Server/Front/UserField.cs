using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>The client's name for its own user: taken, bounded, and without effect.</summary>
internal static class UserField
{
    /// <summary>Longest one, UTF-16 units.</summary>
    public const int MaxLength = 512;

    /// <summary>What is wrong with it, or null.</summary>
    public static RequestFailure? Check(string? user, string field = "user") =>
        user is { Length: > MaxLength } ? new RequestFailure(RequestError.InvalidRequest, $"{field}: at most {MaxLength} characters.", field) : null;
}
