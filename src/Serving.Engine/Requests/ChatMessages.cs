using System.Buffers;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Reasoning;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>Checks a conversation and brings it into the form that chat templates expect: every content a string.</summary>
public static class ChatMessages
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool", "function"];

    // An earlier message's, as OpenAI had and has them: to leave them out would be another conversation.
    private static readonly string[] NotDone = ["function_call", "audio"];

    /// <summary>The type of a content part that imports a module of a prompt schema.</summary>
    public const string ModulePart = "prompt_module";

    /// <summary>Checks messages.</summary>
    /// <param name="prompt">The conversation.</param>
    /// <param name="hasSchema">Whether its first message may import modules.</param>
    /// <returns>The first failure, or null.</returns>
    public static RequestFailure? Validate(ChatPrompt prompt, bool hasSchema = false)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var messages = prompt.Messages;
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            return Invalid("messages", "messages must be an array of at least one message.");
        }

        if (messages.GetArrayLength() > RequestLimits.Messages)
        {
            return Invalid("messages", $"At most {RequestLimits.Messages} messages are accepted.");
        }

        if (!JsonStrings.AreText(messages))
        {
            return Invalid("messages", "A string holds an unpaired surrogate.");
        }

        var index = 0;
        foreach (var message in messages.EnumerateArray())
        {
            if (Message(message, index, hasSchema && index == 0) is { } failure)
            {
                return failure;
            }

            index++;
        }

        return null;
    }

    /// <summary>
    /// Copies validated messages with text parts joined by newlines, the role "developer", which templates do not know, as "system", thoughts under the name that
    /// the model's template reads, and the calls of earlier messages in its style.
    /// </summary>
    public static JsonElement Normalize(JsonElement messages, ToolSupport support, ReasoningSupport reasoning)
    {
        ArgumentNullException.ThrowIfNull(support);
        ArgumentNullException.ThrowIfNull(reasoning);
        var ids = new EarlierIds(messages, support);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (var message in messages.EnumerateArray())
            {
                WriteMessage(writer, message, support.Style, ids, reasoning);
            }

            writer.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    private static void WriteMessage(Utf8JsonWriter writer, JsonElement message, CallStyle style, EarlierIds ids, ReasoningSupport reasoning)
    {
        // A client sends back null, an empty text or nothing; a template knows one of them.
        var content = TextOf(message);
        var thoughts = ReasoningRules.Of(message);
        var hasCalls = AssistantCalls.Has(message);
        var isJoined = reasoning.JoinsContent && hasCalls && !string.IsNullOrEmpty(thoughts) && !string.IsNullOrEmpty(content);
        var isWithoutContent = isJoined || content is null || (hasCalls && content.Length == 0);
        writer.WriteStartObject();
        foreach (var property in message.EnumerateObject())
        {
            if (!(isWithoutContent && property.NameEquals("content")) && !ReasoningRules.IsThoughts(property) && !(thoughts is not null && property.NameEquals(reasoning.Field)))
            {
                WriteProperty(writer, property, style, ids);
            }
        }

        if (thoughts is not null)
        {
            writer.WriteString(reasoning.Field, isJoined ? $"{thoughts}\n\n{content}" : thoughts);
        }

        if (isWithoutContent)
        {
            writer.WriteString("content", hasCalls && style.NullContent ? null : "");
        }

        writer.WriteEndObject();
    }

    private static string? TextOf(JsonElement message) => !message.TryGetProperty("content", out var content) ? null
        : content.ValueKind == JsonValueKind.Array ? Joined(content)
        : content.GetString();

    private static string Joined(JsonElement parts) =>
        string.Join('\n', parts.EnumerateArray().Where(part => !part.GetProperty("type").ValueEquals(ModulePart)).Select(part => part.GetProperty("text").GetString()));

    private static void WriteProperty(Utf8JsonWriter writer, JsonProperty property, CallStyle style, EarlierIds ids)
    {
        if (property.NameEquals("role"))
        {
            writer.WriteString("role", property.Value.ValueEquals("developer") ? "system" : property.Value.GetString());
        }
        else if (property.NameEquals("content") && property.Value.ValueKind == JsonValueKind.Array)
        {
            writer.WriteString("content", Joined(property.Value));
        }
        else if (property.NameEquals("tool_calls"))
        {
            // Templates take a list that is there for one that is not empty.
            if (property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() > 0)
            {
                AssistantCalls.Write(writer, property.Value, style, ids);
            }
        }
        else if (property.NameEquals("tool_call_id") && property.Value.ValueKind == JsonValueKind.String)
        {
            writer.WriteString("tool_call_id", ids.Of(property.Value.GetString()));
        }
        else
        {
            property.WriteTo(writer);
        }
    }

    private static RequestFailure? Message(JsonElement message, int index, bool mayImport)
    {
        var field = $"messages[{index}]";
        if (message.ValueKind != JsonValueKind.Object)
        {
            return Invalid(field, "A message must be an object.");
        }

        if (!message.TryGetProperty("role", out var role) || role.ValueKind != JsonValueKind.String)
        {
            return Invalid(field + ".role", "A message must have a role.");
        }

        if (!Roles.Contains(role.GetString()))
        {
            return Invalid(field + ".role", $"Unknown role; a role is one of {string.Join(", ", Roles)}.");
        }

        foreach (var name in NotDone)
        {
            if (message.TryGetProperty(name, out var asked) && asked.ValueKind != JsonValueKind.Null)
            {
                return new RequestFailure(RequestError.NotSupported, $"{name} of a message is not supported.", $"{field}.{name}");
            }
        }

        if ((AssistantCalls.Check(message, field) ?? ReasoningRules.CheckMessage(message, field)) is { } failure)
        {
            return failure;
        }

        if (!message.TryGetProperty("content", out var content) || content.ValueKind == JsonValueKind.Null)
        {
            // What a client was sent comes back: null beside calls, and beside thoughts that max_tokens cut off.
            return role.ValueEquals("assistant") && (content.ValueKind == JsonValueKind.Null || AssistantCalls.Has(message))
                ? null
                : Invalid(field + ".content", "A message must have content.");
        }

        return Content(content, field + ".content", mayImport);
    }

    private static RequestFailure? Content(JsonElement content, string field, bool mayImport)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return null;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            return Invalid(field, "Content must be a string or an array of parts.");
        }

        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String)
            {
                return Invalid(field, "A content part must be an object with a type.");
            }

            if (type.ValueEquals(ModulePart))
            {
                if (mayImport)
                {
                    continue;
                }

                return Invalid(field, $"A {ModulePart} part stands in the first message only, of a request with prompt_schema.");
            }

            if (!type.ValueEquals("text"))
            {
                return new RequestFailure(RequestError.NotSupported, "A content part of this type is not supported; text is.", field);
            }

            if (!part.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
            {
                return Invalid(field, "A text part must have a text.");
            }
        }

        return null;
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
