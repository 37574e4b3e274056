using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Hosting;
using Serving.Server.Telemetry;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/completions</c>.</summary>
internal sealed class CompletionsEndpoint(EngineAccess access, RequestCounters counters, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var body, failure) = await JsonBody.ReadAsync(context, OpenAiJson.Wire.CompletionRequest);
        if (body is null || (failure = KnownFields.Check(body.Others, out var unknown)) is not null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        counters.CountUnknownFields(unknown);
        (var requests, failure) = CompletionRequestMapper.Map(body, BlankRequest.For(context, engine), options.Server.MaxPrompts);
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
                ? AnswerWriter.WriteStreamAsync(context, submission, new CompletionStreamFormat(head, submission.Choices), body.StreamOptions, TimeSpan.FromSeconds(options.Server.StallTimeout))
                : AnswerWriter.WriteWholeAsync(context, submission, new CompletionAnswerFormat(head, submission.Choices)));
        }
    }
}
