using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>Reads how prompts are cut, HTTP's fields and gRPC's alike. Ranges are checked by the engine.</summary>
internal static class TruncationFields
{
    /// <summary>Reads them.</summary>
    /// <param name="tokens">truncate_prompt_tokens.</param>
    /// <param name="side">truncation_side: which end is cut off.</param>
    public static (PromptTruncation? Truncation, RequestFailure? Failure) Read(int? tokens, string? side) =>
        side is not (null or "left" or "right") ? (null, new RequestFailure(RequestError.InvalidRequest, "truncation_side: left or right is expected.", "truncation_side"))
        : tokens is { } most ? (new PromptTruncation(most, side == "right"), null)
        : (null, null);
}
