using Serving.Protocol.Anthropic;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/messages</c> and <c>POST /v1/messages/count_tokens</c>: Anthropic's API.</summary>
internal sealed class MessagesEndpoint(RequestOpening opening, ServingOptions options, TimeProvider time)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, AnthropicJson.Wire.MessageRequest, MessageFields.Check) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (request, failure) = MessageRequestMapper.Map(body, BlankRequest.For(context, engine));
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var submission, failure) = await Submission.SubmitAsync(context, engine, [request!], context.RequestAborted);
        if (submission is null)
        {
            await context.WriteFailureAsync(MessageRequestMapper.Rename(failure!, body));
            return;
        }

        await using (submission)
        {
            var builder = new MessageBuilder(new AnswerHead(context.TraceIdentifier, time.GetUtcNow().ToUnixTimeSeconds(), submission.Model), body);
            await (body.Stream == true
                ? AnswerWriter.WriteEventsAsync(context, submission, builder, StreamTiming.Of(options))
                : AnswerWriter.WriteWholeAsync(context, submission, builder));
        }
    }

    /// <summary>Counts a prompt's tokens.</summary>
    public async Task CountAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, AnthropicJson.Wire.MessageRequest, MessageFields.Check) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (prompt, _, failure) = MessageRequestMapper.Prompt(body);
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        var result = await engine.TokenizeAsync(ApiCaller.Of(context).Tenant, body.Model, prompt!, addSpecialTokens: false, context.RequestAborted);
        await (result.Failure is not null
            ? context.WriteFailureAsync(MessageRequestMapper.Rename(result.Failure, body))
            : context.WriteJsonAsync(new MessageTokensCount(result.Tokens.Count), AnthropicJson.Wire.MessageTokensCount));
    }
}
