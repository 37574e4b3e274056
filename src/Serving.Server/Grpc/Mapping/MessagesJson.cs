using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using PartCase = Serving.Protocol.V1.ContentPart.PartOneofCase;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Writes the messages of a conversation as OpenAI's clients do.</summary>
internal static class MessagesJson
{
    /// <summary>Writes them as an array.</summary>
    public static (JsonElement Json, RequestFailure? Failure) Write(IReadOnlyList<ChatMessage> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (Check(messages[i], string.Create(CultureInfo.InvariantCulture, $"messages[{i}]")) is { } failure)
            {
                return (default, failure);
            }
        }

        return (JsonOfMessages.Write(json =>
        {
            json.WriteStartArray();
            foreach (var message in messages)
            {
                Write(json, message);
            }

            json.WriteEndArray();
        }), null);
    }

    private static RequestFailure? Check(ChatMessage message, string field)
    {
        if (message is { HasContent: true, Parts.Count: > 0 })
        {
            return new RequestFailure(RequestError.InvalidRequest, $"{field}.parts: not together with content.", field + ".parts");
        }

        return message.Parts.Any(part => part.PartCase == PartCase.None)
            ? new RequestFailure(RequestError.InvalidRequest, $"{field}.parts: a part is empty.", field + ".parts")
            : null;
    }

    private static void Write(Utf8JsonWriter json, ChatMessage message)
    {
        json.WriteStartObject();
        json.WriteString("role", message.Role);
        WriteContent(json, message);
        if (message.HasName)
        {
            json.WriteString("name", message.Name);
        }

        if (message.ToolCalls.Count > 0)
        {
            WriteCalls(json, message.ToolCalls);
        }

        if (message.HasReasoningContent)
        {
            json.WriteString("reasoning_content", message.ReasoningContent);
        }

        if (message.HasToolCallId)
        {
            json.WriteString("tool_call_id", message.ToolCallId);
        }

        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, ChatMessage message)
    {
        if (message.HasContent)
        {
            json.WriteString("content", message.Content);
        }
        else if (message.Parts.Count > 0)
        {
            json.WriteStartArray("content");
            foreach (var part in message.Parts)
            {
                WritePart(json, part);
            }

            json.WriteEndArray();
        }
    }

    private static void WritePart(Utf8JsonWriter json, ContentPart part)
    {
        json.WriteStartObject();
        if (part.PartCase == PartCase.Text)
        {
            json.WriteString("type", "text");
            json.WriteString("text", part.Text);
        }
        else
        {
            json.WriteString("type", ChatMessages.ModulePart);
            json.WriteString("name", part.PromptModule.Name);
            if (part.PromptModule.Arguments.Count > 0)
            {
                json.WriteStartObject("arguments");
                foreach (var (name, argument) in part.PromptModule.Arguments)
                {
                    json.WriteString(name, argument);
                }

                json.WriteEndObject();
            }
        }

        json.WriteEndObject();
    }

    private static void WriteCalls(Utf8JsonWriter json, IEnumerable<ToolCall> calls)
    {
        json.WriteStartArray("tool_calls");
        foreach (var call in calls)
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            var type = call.HasInput ? CustomTools.Type : "function";
            json.WriteString("type", type);
            json.WriteStartObject(type);
            json.WriteString("name", call.Name);
            json.WriteString(call.HasInput ? "input" : "arguments", call.HasInput ? call.Input : call.Arguments);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
