using System.Buffers;
using System.Text;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>The modules that a conversation names, and the conversation without them.</summary>
/// <param name="Modules">In the request's order.</param>
/// <param name="Messages">The messages, every content a string; the first one's is what follows its last module.</param>
public sealed record ModuleConversation(IReadOnlyList<ModuleReference> Modules, JsonElement Messages);

/// <summary>
/// Reads <c>{"type": "prompt_module", "name", "arguments"}</c> from the first message of a conversation. The schema supplies everything up to the last of them, so the
/// first message is a user's and there is no system message.
/// </summary>
public static class ModuleParts
{
    /// <summary>Modules that a request may name: more than any schema has runs.</summary>
    private const int MaxReferences = SchemaLimits.Nodes;

    /// <summary>Reads a conversation whose messages and parts <see cref="ChatMessages"/> has checked.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="mark">Put before the first message's remaining text.</param>
    /// <param name="tools">How the template takes calls of earlier messages.</param>
    /// <param name="reasoning">How it takes their thoughts.</param>
    /// <returns>What was read, or a failure, one of the two.</returns>
    public static (ModuleConversation? Conversation, RequestFailure? Failure) Read(JsonElement messages, string mark, ToolSupport tools, ReasoningSupport reasoning)
    {
        var index = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var role = message.GetProperty("role").GetString();
            if (index == 0 && role != "user")
            {
                return Failed("messages[0].role", "With prompt_schema the first message is the user's: the schema supplies everything before it.");
            }

            if (role is "system" or "developer")
            {
                return Failed($"messages[{index}].role", "A system message cannot stand beside prompt_schema: the schema supplies it.");
            }

            index++;
        }

        var (references, text, failure) = ReadParts(messages[0].GetProperty("content"));
        return failure is not null ? (null, failure) : (new ModuleConversation(references, WithFirst(ChatMessages.Normalize(messages, tools, reasoning), mark + text)), null);
    }

    private static (ModuleConversation?, RequestFailure) Failed(string field, string message) =>
        (null, new RequestFailure(RequestError.InvalidRequest, message, field));

    private static (List<ModuleReference> References, string Text, RequestFailure? Failure) ReadParts(JsonElement content)
    {
        var references = new List<ModuleReference>();
        if (content.ValueKind == JsonValueKind.String)
        {
            return (references, content.GetString()!, null);
        }

        var (texts, index) = (new List<string>(), 0);
        foreach (var part in content.EnumerateArray())
        {
            var field = $"messages[0].content[{index++}]";
            if (!part.GetProperty("type").ValueEquals(ChatMessages.ModulePart))
            {
                texts.Add(part.GetProperty("text").GetString()!);
                continue;
            }

            var (reference, failure) = ReadPart(part, field, string.Concat(texts));
            if (failure is not null || references.Count == MaxReferences)
            {
                return (references, "", failure ?? new RequestFailure(RequestError.InvalidRequest, $"At most {MaxReferences} modules are accepted.", field));
            }

            references.Add(reference!);
            texts.Clear();
        }

        return (references, string.Join('\n', texts), null);
    }

    private static (ModuleReference? Reference, RequestFailure? Failure) ReadPart(JsonElement part, string field, string textBefore)
    {
        if (!part.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
        {
            return Wrong(field + ".name", "A prompt_module part names a module.");
        }

        var arguments = new Dictionary<string, string>();
        if (part.TryGetProperty("arguments", out var given) && given.ValueKind != JsonValueKind.Null)
        {
            if (given.ValueKind != JsonValueKind.Object)
            {
                return Wrong(field + ".arguments", "arguments is an object of strings.");
            }

            foreach (var argument in given.EnumerateObject())
            {
                if (argument.Value.ValueKind != JsonValueKind.String || !arguments.TryAdd(argument.Name, argument.Value.GetString()!))
                {
                    return Wrong(field + ".arguments", "arguments is an object of strings, no name twice.");
                }
            }
        }

        return (new ModuleReference { Path = name.GetString()!, Arguments = arguments, TextBefore = textBefore, Field = field }, null);
    }

    private static (ModuleReference?, RequestFailure) Wrong(string field, string message) =>
        (null, new RequestFailure(RequestError.InvalidRequest, message, field));

    private static JsonElement WithFirst(JsonElement messages, string content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            var isFirst = true;
            foreach (var message in messages.EnumerateArray())
            {
                if (!isFirst)
                {
                    message.WriteTo(writer);
                    continue;
                }

                isFirst = false;
                writer.WriteStartObject();
                foreach (var property in message.EnumerateObject().Where(property => !property.NameEquals("content")))
                {
                    property.WriteTo(writer);
                }

                writer.WriteString("content", content);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }
}
