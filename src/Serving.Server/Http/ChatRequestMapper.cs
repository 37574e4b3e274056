using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns a chat's body into what the engine takes.</summary>
internal static class ChatRequestMapper
{
    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Request, RequestFailure? Failure) Map(ChatCompletionRequest body, GenerationRequest blank)
    {
        var (choice, failure) = ToolChoiceReader.Read(body.ToolChoice);
        failure = CheckMessages(body.Messages) ?? failure ?? CheckKwargs(body.ChatTemplateKwargs) ?? PromptScoring.Check(body.PromptLogprobs, body.Stream == true);
        if (failure is null && body.Echo == true)
        {
            failure = new RequestFailure(RequestError.NotSupported, "echo is not supported in a chat.", "echo");
        }

        if (failure is null && body.TopLogprobs is not null && body.Logprobs != true)
        {
            failure = new RequestFailure(RequestError.InvalidRequest, "top_logprobs: only with logprobs.", "top_logprobs");
        }

        if (failure is not null)
        {
            return (null, failure);
        }

        return SamplingMapper.Apply(body, blank with
        {
            Model = body.Model ?? blank.Model,
            Prompt = new ChatPrompt(body.Messages!.Value, Given(body.Tools), body.AddGenerationPrompt ?? true, body.ChatTemplateKwargs)
            {
                Choice = choice,
                ParallelCalls = body.ParallelToolCalls ?? true,
                ReasoningEffort = body.ReasoningEffort,
                ThinkingBudget = body.ThinkingTokenBudget ?? (body.ThinkingBudgetTokens == -1 ? null : body.ThinkingBudgetTokens),
                ThinkingBudgetField = body.ThinkingTokenBudget is null && body.ThinkingBudgetTokens is not null ? "thinking_budget_tokens" : "thinking_token_budget",
            },
            MaxTokens = body.MaxCompletionTokens ?? body.MaxTokens,
            MaxTokensField = body.MaxCompletionTokens is null ? "max_tokens" : "max_completion_tokens",
            MaxTokensMayBeCut = true,
            TopLogprobs = body.Logprobs == true ? body.TopLogprobs ?? 0 : null,
            TopLogprobsField = "top_logprobs",
            PromptLogprobs = body.PromptLogprobs,
            IncludeReasoning = body.IncludeReasoning ?? true,
        });
    }

    /// <summary>Tools that are there: null is what is not given.</summary>
    public static JsonElement? Given(JsonElement? tools) => tools is { ValueKind: JsonValueKind.Null } ? null : tools;

    /// <summary>What is wrong when there are no messages; what they hold is checked by the engine.</summary>
    public static RequestFailure? CheckMessages(JsonElement? messages) =>
        messages is null ? new RequestFailure(RequestError.InvalidRequest, "messages: is missing.", "messages") : null;

    /// <summary>What is wrong with the template's extra variables.</summary>
    public static RequestFailure? CheckKwargs(IReadOnlyDictionary<string, JsonElement>? arguments) =>
        arguments is null || arguments.Values.All(JsonStrings.AreText) ? null
            : new RequestFailure(RequestError.InvalidRequest, "chat_template_kwargs: a string holds an unpaired surrogate.", "chat_template_kwargs");
}
