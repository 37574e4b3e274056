using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Responses;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>/v1/responses</c>: OpenAI's later API. Answers are kept for a time, so that a later request can go on from one by its id; another's looks exactly like what is not there.</summary>
internal sealed class ResponsesEndpoint(RequestOpening opening, ResponseStore store, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ResponseRequest, CheckFields) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var history = new ResponseHistory(store, ApiCaller.Of(context).Tenant.Id, options.Server.MaxBodySize);
        var (tools, wrongTools) = ResponseTools.Read(body.Tools);
        var (request, items, failure) = ResponseRequestMapper.Map(body, history, BlankRequest.For(context, engine), tools);
        if ((failure ?? wrongTools) is { } refused)
        {
            await context.WriteFailureAsync(refused);
            return;
        }

        (var submission, failure) = await Submission.SubmitAsync(context, engine, [request!], context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(ResponseRequestMapper.Rename(failure!, tools));
            return;
        }

        await using (submission)
        {
            var head = new AnswerHead(ResponseIds.For(context), time.GetUtcNow().ToUnixTimeSeconds(), submission.Model);
            var builder = new ResponseBuilder(head, body, tools, new CustomCalls(request!.Prompt, submission.Choices), store.IsOn && body.Store != false ? response => history.Keep(items, response) : null);
            await (body.Stream == true
                ? AnswerWriter.WriteEventsAsync(context, submission, builder, StreamTiming.Of(options))
                : AnswerWriter.WriteWholeAsync(context, submission, new WholeResponse(builder)));
        }
    }

    /// <summary>Shows an answer as it was given.</summary>
    public Task ShowAsync(HttpContext context)
    {
        const string Stream = "stream";
        return context.Request.Query[Stream] is ["true"] ? context.WriteFailureAsync(KnownFields.NotSupported(Stream, JsonSerializer.SerializeToElement(true)))
            : store.TryGet(ApiCaller.Of(context).Tenant.Id, Id(context), out var response) ? context.WriteJsonAsync(response.Answer)
            : context.WriteFailureAsync(Missing(context));
    }

    /// <summary>Lets an answer go.</summary>
    public Task DeleteAsync(HttpContext context) => store.Remove(ApiCaller.Of(context).Tenant.Id, Id(context))
        ? context.WriteJsonAsync(new ResponseDeleted(Id(context)), OpenAiJson.Wire.ResponseDeleted)
        : context.WriteFailureAsync(Missing(context));

    private RequestFailure? CheckFields(ResponseRequest body, out int unknown) =>
        ResponseFields.Check(body, out unknown) ?? (body.Store == true && !store.IsOn ? ResponseHistory.Off("store") : null);

    private static string Id(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    private static RequestFailure Missing(HttpContext context) => new(RequestError.ResponseNotFound, $"Response with id '{JsonBody.Echo(Id(context))}' not found.");
}
