using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// Writes the messages of Anthropic's API as a chat's: messages of one role that follow each other are one turn, results of calls are messages of their own, in the place where they stand.
/// </summary>
internal sealed class MessageInput
{
    private readonly Utf8JsonWriter _json;
    private readonly List<string> _texts = [];
    private readonly List<string> _thoughts = [];
    private readonly List<JsonElement> _calls = [];
    private string _role = "system";

    private MessageInput(Utf8JsonWriter json) => _json = json;

    /// <summary>Reads a conversation.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="system">What stands before them.</param>
    /// <returns>Messages or a failure.</returns>
    public static (JsonElement Messages, RequestFailure? Failure) Read(JsonElement? messages, JsonElement? system)
    {
        if (messages is not { ValueKind: JsonValueKind.Array } given || given.GetArrayLength() is 0 or > RequestLimits.Messages)
        {
            return (default, ConstraintFields.Invalid("messages", $"is a list of 1 to {RequestLimits.Messages} messages."));
        }

        if (!JsonStrings.AreText(given) || (system is { } before && !JsonStrings.AreText(before)))
        {
            return (default, ConstraintFields.Invalid(JsonStrings.AreText(given) ? "system" : "messages", "a string holds an unpaired surrogate."));
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            if (new MessageInput(json).Write(given, system) is { } failure)
            {
                return (default, failure);
            }
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return (JsonElement.ParseValue(ref reader), null);
    }

    private RequestFailure? Write(JsonElement messages, JsonElement? system)
    {
        _json.WriteStartArray();
        if (system is { ValueKind: not JsonValueKind.Null } before)
        {
            var (text, failure) = MessageText.Read(before, "system");
            if (text is null)
            {
                return failure;
            }

            _texts.AddRange(text.Length > 0 ? [text] : []);
            EndTurn();
        }

        var index = 0;
        foreach (var message in messages.EnumerateArray())
        {
            if (Said(message, string.Create(CultureInfo.InvariantCulture, $"messages[{index++}]")) is { } failure)
            {
                return failure;
            }
        }

        if (_role == "assistant")
        {
            var field = string.Create(CultureInfo.InvariantCulture, $"messages[{index - 1}]");
            return NotSupported(field, "the assistant's message is not continued (prefill); a conversation ends with a message of the user's.");
        }

        EndTurn();
        _json.WriteEndArray();
        return null;
    }

    private RequestFailure? Said(JsonElement message, string field)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            return ConstraintFields.Invalid(field, "a message is an object.");
        }

        if (MessageText.Property(message, "role") is not ("user" or "assistant" or "system"))
        {
            return ConstraintFields.Invalid(field + ".role", "is user, assistant or system.");
        }

        var role = MessageText.Property(message, "role")!;
        if (role != _role)
        {
            EndTurn();
            _role = role;
        }

        field += ".content";
        if (!message.TryGetProperty("content", out var content) || content.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            return ConstraintFields.Invalid(field, "is a string or a list of blocks.");
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            _texts.Add(content.GetString()!);
            return null;
        }

        if (content.GetArrayLength() == 0 && role != "assistant")
        {
            return ConstraintFields.Invalid(field, "has at least one block.");
        }

        var index = 0;
        foreach (var block in content.EnumerateArray())
        {
            if (Block(block, string.Create(CultureInfo.InvariantCulture, $"{field}[{index++}]")) is { } failure)
            {
                return failure;
            }
        }

        return null;
    }

    private RequestFailure? Block(JsonElement block, string field)
    {
        if (block.ValueKind != JsonValueKind.Object || MessageText.Property(block, "type") is not { } type)
        {
            return ConstraintFields.Invalid(field + ".type", "a block is an object with a type.");
        }

        return (type, _role) switch
        {
            ("text", _) => Text(block, field),
            ("tool_result", "user") => Result(block, field),
            ("tool_use", "assistant") => Call(block, field),
            ("thinking", "assistant") => Thoughts(block, field),
            ("redacted_thinking", "assistant") => null, // Another server's: nobody can read them here.
            ("tool_result" or "tool_use" or "thinking" or "redacted_thinking", _) => ConstraintFields.Invalid(field + ".type", $"a message of this role has no {type}."),
            _ => NotSupported(field + ".type", $"a block of type {JsonBody.Echo(type)} is not supported."),
        };
    }

    private RequestFailure? Text(JsonElement block, string field)
    {
        var (text, failure) = MessageText.OfBlock(block, field);
        if (text is not null)
        {
            _texts.Add(text);
        }

        return failure;
    }

    private RequestFailure? Thoughts(JsonElement block, string field)
    {
        if (MessageText.Property(block, "thinking") is not { } thoughts)
        {
            return ConstraintFields.Invalid(field + ".thinking", "is a string.");
        }

        _thoughts.AddRange(thoughts.Length > 0 ? [thoughts] : []);
        return null;
    }

    private RequestFailure? Call(JsonElement block, string field)
    {
        foreach (var name in new[] { "id", "name" })
        {
            if (MessageText.Property(block, name) is null)
            {
                return ConstraintFields.Invalid($"{field}.{name}", "is a string.");
            }
        }

        if (!block.TryGetProperty("input", out var input) || input.ValueKind != JsonValueKind.Object)
        {
            return ConstraintFields.Invalid(field + ".input", "is an object.");
        }

        if (block.TryGetProperty("caller", out var caller) && caller.ValueKind != JsonValueKind.Null
            && !(caller.ValueKind == JsonValueKind.Object && MessageText.Property(caller, "type") == "direct"))
        {
            return NotSupported(field + ".caller", "a call that another tool made is not supported.");
        }

        _calls.Add(block);
        return MessageText.Refuse(block, "toolset_name", field);
    }

    private RequestFailure? Result(JsonElement block, string field)
    {
        if (MessageText.Property(block, "tool_use_id") is not { } call)
        {
            return ConstraintFields.Invalid(field + ".tool_use_id", "is a string.");
        }

        var isError = block.TryGetProperty("is_error", out var error) ? error.ValueKind : JsonValueKind.Null;
        if (isError is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null))
        {
            return ConstraintFields.Invalid(field + ".is_error", "is true or false.");
        }

        var (text, failure) = block.TryGetProperty("content", out var content) && content.ValueKind != JsonValueKind.Null
            ? MessageText.Read(content, field + ".content")
            : ("", null);
        if ((failure ?? MessageText.Refuse(block, "toolset_name", field)) is { } refused)
        {
            return refused;
        }

        EndTurn();
        _json.WriteStartObject();
        _json.WriteString("role", "tool");
        _json.WriteString("tool_call_id", MessageIds.ToEngine(call));
        _json.WriteString("content", isError == JsonValueKind.True ? AsError(text!) : text);
        _json.WriteEndObject();
        return null;
    }

    // No template knows of errors: the model is told in words, unless the client does so itself.
    private static string AsError(string text) => text.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? text : $"Error: {text}";

    private void EndTurn()
    {
        // A turn of results alone has no message of the user's.
        if (_role == "assistant" || _texts.Count > 0)
        {
            _json.WriteStartObject();
            _json.WriteString("role", _role);
            _json.WriteString("content", string.Join('\n', _texts));
            if (_thoughts.Count > 0)
            {
                _json.WriteString("reasoning_content", string.Join('\n', _thoughts));
            }

            if (_calls.Count > 0)
            {
                WriteCalls();
            }

            _json.WriteEndObject();
        }

        _texts.Clear();
        _thoughts.Clear();
        _calls.Clear();
    }

    private void WriteCalls()
    {
        _json.WriteStartArray("tool_calls");
        foreach (var call in _calls)
        {
            _json.WriteStartObject();
            _json.WriteString("id", MessageIds.ToEngine(MessageText.Property(call, "id")!));
            _json.WriteString("type", "function");
            _json.WriteStartObject("function");
            _json.WriteString("name", MessageText.Property(call, "name"));
            _json.WritePropertyName("arguments");
            call.GetProperty("input").WriteTo(_json);
            _json.WriteEndObject();
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private static RequestFailure NotSupported(string field, string message) => new(RequestError.NotSupported, $"{field}: {message}", field);
}
