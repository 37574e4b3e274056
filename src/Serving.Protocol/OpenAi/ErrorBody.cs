using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>The body of every failure, as OpenAI's clients and vLLM's expect it.</summary>
/// <param name="Error">What went wrong.</param>
public sealed record ErrorBody(ErrorDetail Error);

/// <summary>What went wrong.</summary>
/// <param name="Message">For a person.</param>
/// <param name="Type">Kind of failure: BadRequestError, NotFoundError …; of a rate limit which one it is: requests, tokens.</param>
/// <param name="Param">The field that is wrong, if one is.</param>
/// <param name="Code">The HTTP status, or a word that clients look for: rate_limit_exceeded.</param>
public sealed record ErrorDetail(
    string Message,
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    ErrorCode Code);
