using System.Text.Json.Serialization.Metadata;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A whole chat.</summary>
internal sealed class ChatAnswerFormat(AnswerHead head, int choices, CustomCalls custom) : IAnswerFormat<ChatCompletion>
{
    private readonly ChoiceBuilder[] _choices = ChoiceBuilder.Many(choices);

    /// <inheritdoc/>
    public JsonTypeInfo<ChatCompletion> Type => OpenAiJson.Wire.ChatCompletion;

    /// <inheritdoc/>
    public void Add(IndexedEvent happened) => _choices[happened.Index].Add(happened.Event);

    /// <inheritdoc/>
    public ChatCompletion Build(UsageInfo usage) => new()
    {
        Id = head.Id,
        Created = head.Created,
        Model = head.Model,
        Usage = usage,
        PromptLogprobs = LogprobFormat.Prompt(_choices[0].PromptLogprobs),
        Choices = [.. _choices.Select((choice, index) => new ChatChoice
        {
            Index = index,
            Message = Message(choice),
            Logprobs = LogprobFormat.Chat(choice.Logprobs),
            FinishReason = choice.FinishReason,
            StopReason = choice.StopReason,
        })],
    };

    private ChatMessage Message(ChoiceBuilder choice)
    {
        var calls = choice.Calls.Select(call => custom.InputOf(call.Name, call.Arguments) is { } input
            ? new ChatToolCall(call.Id, null, new ChatCustomCall(call.Name, input))
            : new ChatToolCall(call.Id, new ChatFunctionCall(call.Name, call.Arguments))).ToList();
        var hasOthers = calls.Count > 0 || choice.Reasoning.Length > 0;
        return new ChatMessage
        {
            Content = choice.Text.Length == 0 && hasOthers ? null : choice.Text,
            Reasoning = choice.Reasoning.Length == 0 ? null : choice.Reasoning,
            ToolCalls = calls.Count == 0 ? null : calls,
        };
    }
}
