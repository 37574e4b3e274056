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
                ? AnswerWriter.WriteEventsAsync(context, submission, builder, TimeSpan.FromSeconds(options.Server.StallTimeout))
                : AnswerWriter.WriteWholeAsync(context, submission, new WholeResponse(builder)));
        }
    }
}
