using System.Buffers;
using System.Text.Json;
using Serving.Core.Requests;

namespace Serving.Engine.Requests;

/// <summary>Checks a conversation and brings it into the form that chat templates expect: every content a string.</summary>
public static class ChatMessages
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool", "function"];

    /// <summary>The type of a content part that imports a module of a prompt schema.</summary>
    public const string ModulePart = "prompt_module";

    /// <summary>Checks messages and tools.</summary>
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

        return Tools(prompt.Tools);
    }

    /// <summary>
    /// Copies validated messages with text parts joined by newlines and the role "developer", which templates do not know, as "system".
    /// </summary>
    public static JsonElement Normalize(JsonElement messages)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (var message in messages.EnumerateArray())
            {
                writer.WriteStartObject();
                foreach (var property in message.EnumerateObject())
                {
                    WriteProperty(writer, property);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    private static void WriteProperty(Utf8JsonWriter writer, JsonProperty property)
    {
        if (property.NameEquals("role"))
        {
            writer.WriteString("role", property.Value.ValueEquals("developer") ? "system" : property.Value.GetString());
        }
        else if (property.NameEquals("content") && property.Value.ValueKind == JsonValueKind.Array)
        {
            writer.WriteString("content", string.Join('\n', property.Value.EnumerateArray().Where(part => !part.GetProperty("type").ValueEquals(ModulePart)).Select(part => part.GetProperty("text").GetString())));
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

        var isAssistant = role.ValueEquals("assistant");
        if (!message.TryGetProperty("content", out var content) || content.ValueKind == JsonValueKind.Null)
        {
            return isAssistant && message.TryGetProperty("tool_calls", out _)
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

    private static RequestFailure? Tools(JsonElement? tools)
    {
        if (tools is not { } list || list.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            return Invalid("tools", "tools must be an array of at least one tool.");
        }

        if (list.GetArrayLength() > RequestLimits.Tools)
        {
            return Invalid("tools", $"At most {RequestLimits.Tools} tools are accepted.");
        }

        return JsonStrings.AreText(list) ? null : Invalid("tools", "A string holds an unpaired surrogate.");
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
