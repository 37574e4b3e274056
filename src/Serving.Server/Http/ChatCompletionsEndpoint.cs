using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletionsEndpoint(RequestOpening opening, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ChatCompletionRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (request, failure) = ChatRequestMapper.Map(body, BlankRequest.For(context, engine));
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var submission, failure) = await Submission.SubmitAsync(context, engine, [request!], context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        await using (submission)
        {
            var head = AnswerHead.Of(context, "chatcmpl", submission.Model, time);
            var custom = new CustomCalls(request!.Prompt, submission.Choices);
            await (body.Stream == true
                ? AnswerWriter.WriteStreamAsync(context, submission, new ChatStreamFormat(head, submission.Choices, custom), body.StreamOptions, StreamTiming.Of(options))
                : AnswerWriter.WriteWholeAsync(context, submission, new ChatAnswerFormat(head, submission.Choices, custom)));
        }
    }
}
