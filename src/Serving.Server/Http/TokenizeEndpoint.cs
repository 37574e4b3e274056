using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>POST /tokenize</c>: encodes a prompt or a conversation as a request would.</summary>
internal sealed class TokenizeEndpoint(RequestOpening opening)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.TokenizeRequest, static (TokenizeRequest body, out int unknown) => KnownFields.Check(body.Others, out unknown) ?? Check(body)) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        GenerationPrompt prompt = body.Messages is { } messages
            ? new ChatPrompt(messages, ChatRequestMapper.Given(body.Tools), body.AddGenerationPrompt ?? true, body.ChatTemplateKwargs) { ReasoningEffort = body.ReasoningEffort }
            : new TextPrompt(body.Prompt!);
        var result = await engine.TokenizeAsync(ApiCaller.Of(context).Tenant, body.Model, prompt, body.AddSpecialTokens ?? body.Messages is null, context.RequestAborted);
        if (result.Failure is not null)
        {
            await context.WriteFailureAsync(result.Failure);
            return;
        }

        var texts = body.ReturnTokenStrs == true ? result.TokenTexts : null;
        await context.WriteJsonAsync(
            new TokenizeResponse(result.Tokens.Count, engine.Description.MaxModelLength, result.Tokens, texts),
            OpenAiJson.Wire.TokenizeResponse);
    }

    private static RequestFailure? Check(TokenizeRequest body) => (body.Prompt, body.Messages) switch
    {
        (null, null) => Invalid("prompt: is missing (or messages).", "prompt"),
        (not null, not null) => Invalid("prompt: not together with messages.", "prompt"),
        (_, not null) => ChatRequestMapper.CheckKwargs(body.ChatTemplateKwargs),
        _ => null,
    };

    private static RequestFailure Invalid(string message, string parameter) => new(RequestError.InvalidRequest, message, parameter);
}
