using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Protocol.V1;
using ToolChoice = Serving.Engine.ToolCalls.ToolChoice;
using WireChoice = Serving.Protocol.V1.ToolChoice;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Turns a conversation into what the engine takes: JSON, as HTTP's clients send it, so that the template sees the same for both.</summary>
internal static class ChatMapper
{
    /// <summary>Maps a conversation. What its messages hold is checked by the engine.</summary>
    public static (ChatPrompt? Prompt, RequestFailure? Failure) Map(Chat chat)
    {
        var (choice, failure) = Choice(chat);
        if (failure is not null)
        {
            return (null, failure);
        }

        (var messages, failure) = MessagesJson.Write(chat.Messages);
        var tools = (JsonElement?)null;
        if (failure is null && chat.Tools.Count > 0)
        {
            (tools, failure) = ToolsJson.Write(chat.Tools);
        }

        var (arguments, wrong) = Arguments(chat);
        failure ??= wrong;
        return failure is not null ? (null, failure) : (new ChatPrompt(messages, tools, !chat.HasAddGenerationPrompt || chat.AddGenerationPrompt, arguments)
        {
            Choice = choice,
            ParallelCalls = !chat.HasParallelToolCalls || chat.ParallelToolCalls,
            ReasoningEffort = chat.HasReasoningEffort ? chat.ReasoningEffort : null,
            ThinkingBudget = chat.HasThinkingTokenBudget ? chat.ThinkingTokenBudget : null,
            ThinkingBudgetField = "thinking_token_budget",
        }, null);
    }

    private static (ToolChoice Choice, RequestFailure? Failure) Choice(Chat chat)
    {
        ToolChoiceKind? kind = chat.ToolChoice switch
        {
            WireChoice.Unspecified or WireChoice.Auto => ToolChoiceKind.Auto,
            WireChoice.None => ToolChoiceKind.None,
            WireChoice.Required => ToolChoiceKind.Required,
            WireChoice.Function => ToolChoiceKind.Function,
            _ => null,
        };
        return kind switch
        {
            null => (ToolChoice.Auto, new RequestFailure(RequestError.NotSupported, $"tool_choice {(int)chat.ToolChoice} is not supported.", "tool_choice")),
            _ when chat.HasToolChoiceFunction != (kind == ToolChoiceKind.Function) => (ToolChoice.Auto, new RequestFailure(
                RequestError.InvalidRequest, "tool_choice_function: with TOOL_CHOICE_FUNCTION, and only with it.", "tool_choice_function")),
            { } known => (new ToolChoice(known, chat.HasToolChoiceFunction ? chat.ToolChoiceFunction : null), null),
        };
    }

    private static (Dictionary<string, JsonElement>? Arguments, RequestFailure? Failure) Arguments(Chat chat)
    {
        if (chat.ChatTemplateKwargs.Count == 0)
        {
            return (null, null);
        }

        var arguments = new Dictionary<string, JsonElement>(chat.ChatTemplateKwargs.Count);
        foreach (var (name, value) in chat.ChatTemplateKwargs)
        {
            if (ValueJson.Write(value) is not { } json)
            {
                return (null, new RequestFailure(RequestError.InvalidRequest, "chat_template_kwargs: expected values that JSON has, at most 32 levels deep.", "chat_template_kwargs"));
            }

            arguments[name] = json;
        }

        return (arguments, null);
    }
}
