using System.Text.Json;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Responses;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>/v1/responses</c>: OpenAI's later API. Answers are kept for a time, so that a later request can go on from one by its id; another's looks exactly like what is not there.</summary>
internal sealed class ResponsesEndpoint(
    RequestOpening opening, ResponseStore store, BackgroundResponses background, ServingOptions options, TimeProvider time, ILogger<ResponsesEndpoint> logger)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ResponseRequest, CheckFields) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var history = new ResponseHistory(store, Caller(context), options.Server.MaxBodySize);
        var (tools, wrongTools) = ResponseTools.Read(body.Tools);
        var (request, items, failure) = ResponseRequestMapper.Map(body, history, BlankRequest.For(context, engine), tools);
        if ((failure ?? wrongTools) is { } refused)
        {
            await context.WriteFailureAsync(refused);
            return;
        }

        var asked = new AskedResponse(body, tools, request!, new ResponseKeeping(history, items, store.IsOn && body.Store != false, body.Background == true));
        await (body.Background == true ? BeginAsync(context, engine, asked) : AnswerAsync(context, engine, asked));
    }

    /// <summary>Shows an answer as it was given, or as far as it has come in the background.</summary>
    public Task ShowAsync(HttpContext context)
    {
        const string Stream = "stream";
        return context.Request.Query[Stream] is ["true"] ? context.WriteFailureAsync(KnownFields.NotSupported(Stream, JsonSerializer.SerializeToElement(true)))
            : background.TryGet(Caller(context), Id(context), out var underWay) ? context.WriteJsonAsync(underWay.Now, OpenAiJson.Wire.ModelResponse)
            : store.TryGet(Caller(context), Id(context), out var response) ? context.WriteJsonAsync(response.Answer)
            : context.WriteFailureAsync(Missing(context));
    }

    /// <summary>Lets an answer go, and ends it first where it is under way.</summary>
    public async Task DeleteAsync(HttpContext context)
    {
        await EndAsync(context);
        await (store.Remove(Caller(context), Id(context))
            ? context.WriteJsonAsync(new ResponseDeleted(Id(context)), OpenAiJson.Wire.ResponseDeleted)
            : context.WriteFailureAsync(Missing(context)));
    }

    /// <summary>Ends an answer that is under way in the background; one that has ended is shown as it is.</summary>
    public async Task CancelAsync(HttpContext context)
    {
        var underWay = await EndAsync(context);
        await (store.TryGet(Caller(context), Id(context), out var response)
            ? IsBackground(response) ? context.WriteJsonAsync(response.Answer) : context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, "Only a response in the background can be cancelled."))
            : underWay is not null ? context.WriteJsonAsync(underWay.Now, OpenAiJson.Wire.ModelResponse) // It was more than is kept.
            : context.WriteFailureAsync(Missing(context)));
    }

    private async Task AnswerAsync(HttpContext context, IEngineClient engine, AskedResponse asked)
    {
        var (submission, failure) = await Submission.SubmitAsync(context, engine, [asked.Request], context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(ResponseRequestMapper.Rename(failure!, asked.Tools));
            return;
        }

        await using (submission)
        {
            var builder = asked.Build(ResponseIds.For(context), submission, time);
            await (asked.Body.Stream == true
                ? AnswerWriter.WriteEventsAsync(context, submission, builder, StreamTiming.Of(options))
                : AnswerWriter.WriteWholeAsync(context, submission, new WholeResponse(builder)));
        }
    }

    // The answer is that it has been begun; whatever else comes of it is asked for by its id.
    private async Task BeginAsync(HttpContext context, IEngineClient engine, AskedResponse asked)
    {
        var (tenant, id) = (Caller(context), ResponseIds.For(context));
        var name = ResponseIds.OfResponse(id);
        if (background.TryAdd(tenant, name) is not { } place)
        {
            await context.WriteFailureAsync(Failures.Of(RequestError.QueueFull) with { Message = "background: as many responses are under way in the background as may be (server.max_background_responses).", Parameter = "background" });
            return;
        }

        Submission? submission = null;
        try
        {
            (submission, var failure) = await Submission.SubmitAsync(context, engine, [asked.Request], place.Cancelled, gone: CancellationToken.None);
            if (submission is null)
            {
                await context.WriteFailureAsync(ResponseRequestMapper.Rename(failure!, asked.Tools));
                return;
            }
        }
        finally
        {
            if (submission is null)
            {
                background.End(tenant, name);
            }
        }

        var run = new BackgroundRun(submission, asked.Build(id, submission, time), asked.Keeping, logger);
        var begun = run.Now;
        place.Begin(() => run.Now);
        _ = Task.Run(() => run.RunAsync(background, tenant, name, place), CancellationToken.None);
        await context.WriteJsonAsync(begun, OpenAiJson.Wire.ModelResponse);
    }

    // Within a step of the engine's it has ended, and is kept.
    private async Task<BackgroundResponse?> EndAsync(HttpContext context)
    {
        if (!background.TryGet(Caller(context), Id(context), out var underWay))
        {
            return null;
        }

        underWay.Cancel();
        await underWay.Ended.WaitAsync(context.RequestAborted);
        return underWay;
    }

    private static bool IsBackground(StoredResponse response)
    {
        var reader = new Utf8JsonReader(response.Answer);
        return JsonElement.ParseValue(ref reader).GetProperty("background").ValueKind == JsonValueKind.True;
    }

    private RequestFailure? CheckFields(ResponseRequest body, out int unknown) =>
        ResponseFields.Check(body, out unknown) ?? (body.Store == true && !store.IsOn ? ResponseHistory.Off("store")
            : body.Background != true ? null
            : !store.IsOn ? ResponseHistory.Off("background")
            : !background.IsOn ? new RequestFailure(RequestError.NotSupported, "background: this server takes no responses in the background (server.max_background_responses is 0).", "background")
            : null);

    private static TenantId Caller(HttpContext context) => ApiCaller.Of(context).Tenant.Id;

    private static string Id(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    private static RequestFailure Missing(HttpContext context) => new(RequestError.ResponseNotFound, $"Response with id '{JsonBody.Echo(Id(context))}' not found.");
}
