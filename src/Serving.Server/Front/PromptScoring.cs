using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>Checks prompt_logprobs against the way an answer is given; ranges are checked by the engine.</summary>
internal static class PromptScoring
{
    /// <summary>A stream has no place for them.</summary>
    /// <param name="asked">prompt_logprobs.</param>
    /// <param name="isStreamed">Whether the answer is.</param>
    public static RequestFailure? Check(int? asked, bool isStreamed) =>
        asked is not null && isStreamed ? new RequestFailure(RequestError.NotSupported, "prompt_logprobs is not supported in a stream.", "prompt_logprobs") : null;
}
