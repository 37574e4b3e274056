using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/responses</c>: OpenAI's later API, without anything that has to be kept between requests.</summary>
internal sealed class ResponsesEndpoint(RequestOpening opening, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ResponseRequest, ResponseFields.Check) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (request, failure) = ResponseRequestMapper.Map(body, BlankRequest.For(context, engine));
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var submission, failure) = await Submission.SubmitAsync(context, engine, [request!], context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(ResponseRequestMapper.Rename(failure!));
            return;
        }

        await using (submission)
        {
            var builder = new ResponseBuilder(new AnswerHead(context.TraceIdentifier, time.GetUtcNow().ToUnixTimeSeconds(), submission.Model), body);
            await (body.Stream == true
                ? WriteStreamAsync(context, submission, builder)
                : AnswerWriter.WriteWholeAsync(context, submission, new WholeResponse(builder)));
        }
    }

    // A failure before the first event has a status of its own; a later one is told by the last event. There is no mark behind it.
    private async Task WriteStreamAsync(HttpContext context, Submission submission, ResponseBuilder builder)
    {
        await using var events = submission.ReadAllAsync(context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        var more = await events.MoveNextAsync();
        if (more && TerminalFailure.Of(events.Current.Event) is { } early)
        {
            await context.WriteFailureAsync(ResponseRequestMapper.Rename(early));
            return;
        }

        using var sse = new SseWriter(context, TimeSpan.FromSeconds(options.Server.StallTimeout));
        sse.Start();
        await SendAsync(sse, builder.Begin());
        for (; more; more = await events.MoveNextAsync())
        {
            if (TerminalFailure.Of(events.Current.Event) is { } failure)
            {
                await SendAsync(sse, [builder.Fail("server_error", failure.Message)]);
                return;
            }

            await SendAsync(sse, builder.Take(events.Current.Event));
        }

        await SendAsync(sse, [builder.End(AnswerFormat.Total(submission.Usage))]);
        submission.OnAnswered();
    }

    private static async ValueTask SendAsync(SseWriter sse, IEnumerable<ResponseEvent> events)
    {
        foreach (var happened in events)
        {
            await sse.SendAsync(happened, OpenAiJson.Wire.ResponseEvent, happened.Type);
        }
    }
}
