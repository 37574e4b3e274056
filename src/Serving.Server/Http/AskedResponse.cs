using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A response that is asked for, read and checked.</summary>
/// <param name="Body">The request's body.</param>
/// <param name="Tools">Its tools.</param>
/// <param name="Request">What the engine takes.</param>
/// <param name="Keeping">What becomes of the response.</param>
internal sealed record AskedResponse(ResponseRequest Body, ResponseTools Tools, GenerationRequest Request, ResponseKeeping Keeping)
{
    /// <summary>What makes the response.</summary>
    /// <param name="id">What its id and those of its items have in common.</param>
    /// <param name="submission">The engine's request.</param>
    /// <param name="time">The clock.</param>
    public ResponseBuilder Build(string id, Submission submission, TimeProvider time) =>
        new(new AnswerHead(id, time.GetUtcNow().ToUnixTimeSeconds(), submission.Model), Body, Tools, new CustomCalls(Request.Prompt, submission.Choices), Keeping);
}
