using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/completions</c>.</summary>
internal sealed class CompletionsEndpoint(RequestOpening opening, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.CompletionRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (requests, failure) = CompletionRequestMapper.Map(body, BlankRequest.For(context, engine), options.Server.MaxPrompts);
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var submission, failure) = await Submission.SubmitAsync(context, engine, requests, context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        await using (submission)
        {
            var head = AnswerHead.Of(context, "cmpl", submission.Model, time);
            await (body.Stream == true
                ? AnswerWriter.WriteStreamAsync(context, submission, new CompletionStreamFormat(head, submission.Choices), body.StreamOptions, StreamTiming.Of(options))
                : AnswerWriter.WriteWholeAsync(context, submission, new CompletionAnswerFormat(head, submission.Choices)));
        }
    }
}
