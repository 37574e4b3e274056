using System.Text.Json.Serialization;

namespace Serving.Protocol.Anthropic;

/// <summary>The body of every failure, as Anthropic's clients expect it.</summary>
/// <param name="Error">What went wrong.</param>
/// <param name="RequestId">The request's id, which the header request-id has too.</param>
public sealed record MessageFailure(MessageError Error, string RequestId)
{
    /// <summary>Always "error".</summary>
    [JsonPropertyOrder(-1)]
    public string Type { get; } = "error";
}

/// <summary>What went wrong.</summary>
/// <param name="Type">Kind of failure: invalid_request_error, rate_limit_error …</param>
/// <param name="Message">For a person; begins with the field that is wrong, if one is.</param>
public sealed record MessageError(string Type, string Message)
{
    /// <summary>What clients act upon by themselves.</summary>
    public MessageErrorDetails? Details { get; init; }
}

/// <summary>What clients act upon by themselves.</summary>
/// <param name="ErrorCode">"thread_unsupported_request": the same request would be taken without its thread.</param>
/// <param name="Unsupported">What is not done.</param>
public sealed record MessageErrorDetails(string ErrorCode, IReadOnlyList<string> Unsupported);
