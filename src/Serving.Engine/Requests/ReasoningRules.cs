using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Reasoning;

namespace Serving.Engine.Requests;

/// <summary>Checks what a chat says of thinking: how much of it is asked for, and the thoughts of earlier messages.</summary>
internal static class ReasoningRules
{
    /// <summary>The field that most templates read, and DeepSeek's clients send.</summary>
    public const string Field = "reasoning_content";

    /// <summary>What others call it.</summary>
    public const string OtherField = "reasoning";

    /// <summary>The effort that a chat asks of a model; null for none.</summary>
    public static string? EffortOf(ChatPrompt chat, ReasoningSupport support) =>
        chat.ReasoningEffort ?? (chat.ThinksIfItCan && support.Refusal(ReasoningSupport.UsualEffort, chat.TemplateArguments) is not { IsNotSupported: true } ? ReasoningSupport.UsualEffort : null);

    /// <summary>Checks how much a chat's answer is to think.</summary>
    public static RequestFailure? Check(ChatPrompt chat, ReasoningSupport support)
    {
        return EffortOf(chat, support) is { } effort && support.Refusal(effort, chat.TemplateArguments) is { } refusal
            ? new RequestFailure(refusal.IsNotSupported ? RequestError.NotSupported : RequestError.InvalidRequest, $"reasoning_effort: {refusal.Message}", "reasoning_effort")
            : null;
    }

    /// <summary>Checks the thoughts of an earlier message.</summary>
    /// <param name="message">The message, an object.</param>
    /// <param name="field">Its name.</param>
    public static RequestFailure? CheckMessage(JsonElement message, string field)
    {
        foreach (var name in new[] { Field, OtherField })
        {
            if (message.TryGetProperty(name, out var thoughts) && thoughts.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
            {
                return new RequestFailure(RequestError.InvalidRequest, $"{name} must be a string.", $"{field}.{name}");
            }
        }

        return null;
    }

    /// <summary>The thoughts of an earlier message; null for none.</summary>
    public static string? Of(JsonElement message) => Text(message, Field) ?? Text(message, OtherField);

    /// <summary>Whether a property of a message holds thoughts.</summary>
    public static bool IsThoughts(JsonProperty property) => property.NameEquals(Field) || property.NameEquals(OtherField);

    private static string? Text(JsonElement message, string name) => message.TryGetProperty(name, out var thoughts) ? thoughts.GetString() : null;
}
