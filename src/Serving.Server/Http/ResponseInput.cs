using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>
/// Writes the items of a response's input as a chat's messages: thoughts, text and calls that follow each other are one message of the assistant's. What messages hold is
/// checked by the engine.
/// </summary>
internal sealed class ResponseInput
{
    private const string CustomCall = "custom_tool_call";

    private readonly Utf8JsonWriter _json;
    private readonly ResponseHistory _history;
    private readonly List<JsonElement> _own = [];
    private readonly List<JsonElement> _calls = [];
    private string? _thoughts;
    private string? _said;

    private ResponseInput(Utf8JsonWriter json, ResponseHistory history) => (_json, _history) = (json, history);

    /// <summary>Reads an input.</summary>
    /// <param name="body">The request.</param>
    /// <param name="history">What it goes on from.</param>
    /// <returns>Messages and the input's own items, or a failure.</returns>
    public static (JsonElement Messages, IReadOnlyList<JsonElement> Own, RequestFailure? Failure) Read(ResponseRequest body, ResponseHistory history)
    {
        if (body.Input is not { } given || !(given.ValueKind == JsonValueKind.String || (given.ValueKind == JsonValueKind.Array && given.GetArrayLength() > 0)))
        {
            return (default, [], Invalid("input", "is a text or a list of items."));
        }

        if (!JsonStrings.AreText(given))
        {
            return (default, [], Invalid("input", "a string holds an unpaired surrogate."));
        }

        var (earlier, failure) = history.Begin(body);
        if (failure is not null)
        {
            return (default, [], failure);
        }

        if (given.ValueKind == JsonValueKind.Array && given.GetArrayLength() + earlier.Count > RequestLimits.Messages)
        {
            return (default, [], Invalid("input", $"at most {RequestLimits.Messages} items are accepted, those of what it goes on from among them."));
        }

        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        var reading = new ResponseInput(json, history);
        if ((failure = reading.Write(given, earlier, body.Instructions)) is not null)
        {
            return (default, [], failure);
        }

        json.Flush();
        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return (JsonElement.ParseValue(ref reader), reading._own, null);
    }

    /// <summary>Checks items that are not yet any request's.</summary>
    /// <param name="items">The items, whose strings are text.</param>
    /// <param name="history">Where what they refer to is.</param>
    /// <returns>The items, with what they refer to in the place of references; or a failure.</returns>
    public static (IReadOnlyList<JsonElement> Items, RequestFailure? Failure) Check(IReadOnlyList<JsonElement> items, ResponseHistory history)
    {
        using var json = new Utf8JsonWriter(new ArrayBufferWriter<byte>());
        var reading = new ResponseInput(json, history);
        json.WriteStartArray();
        foreach (var item in items)
        {
            if (reading.Own(item, string.Create(CultureInfo.InvariantCulture, $"items[{reading._own.Count}]")) is { } failure)
            {
                return ([], failure);
            }
        }

        return (reading._own, null);
    }

    private RequestFailure? Write(JsonElement input, IReadOnlyList<JsonElement> earlier, string? instructions)
    {
        _json.WriteStartArray();
        if (instructions is not null)
        {
            Message("system", instructions);
        }

        foreach (var item in earlier)
        {
            if (Item(item, _history.Field) is { } failure)
            {
                return failure;
            }
        }

        foreach (var item in input.ValueKind == JsonValueKind.String ? [OfText(input)] : input.EnumerateArray().ToArray())
        {
            if (Own(item, string.Create(CultureInfo.InvariantCulture, $"input[{_own.Count}]")) is { } failure)
            {
                return failure;
            }
        }

        EndAssistant();
        _json.WriteEndArray();
        return null;
    }

    // What is referred to takes the reference's place, so that the response can be gone on from when what it referred to is gone.
    private RequestFailure? Own(JsonElement item, string field)
    {
        if (item.ValueKind == JsonValueKind.Object && Text(item, "type") == "item_reference")
        {
            (item, var missing) = _history.Resolve(item, field);
            if (missing is not null)
            {
                return missing;
            }
        }

        _own.Add(item);
        return Item(item, field);
    }

    private RequestFailure? Item(JsonElement item, string field)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            return Invalid(field, "an item is an object.");
        }

        var type = Text(item, "type") ?? (item.TryGetProperty("role", out _) ? "message" : null);
        return type switch
        {
            "message" => Said(item, field),
            "function_call" => Call(item, field, "arguments"),
            CustomCall => Call(item, field, "input"),
            "function_call_output" or "custom_tool_call_output" => Result(item, field),
            "reasoning" => Thoughts(item, field),
            null => Invalid(field + ".type", "an item has a type."),
            _ => new RequestFailure(RequestError.NotSupported, $"{field}.type: {JsonBody.Echo(type)} is not supported.", field + ".type"),
        };
    }

    private RequestFailure? Said(JsonElement item, string field)
    {
        if (Text(item, "role") is not ("user" or "assistant" or "system" or "developer"))
        {
            return Invalid(field + ".role", "is user, assistant, system or developer.");
        }

        var (text, failure) = Content(item, "content", field);
        if (text is null)
        {
            return failure;
        }

        if (Text(item, "role") != "assistant")
        {
            EndAssistant();
            Message(Text(item, "role")!, text);
            return null;
        }

        EndAssistant(unless: _said is null && _calls.Count == 0);
        _said = text;
        return null;
    }

    private RequestFailure? Call(JsonElement item, string field, string content)
    {
        foreach (var name in new[] { "call_id", "name", content })
        {
            if (Text(item, name) is null)
            {
                return Invalid($"{field}.{name}", "is a string.");
            }
        }

        _calls.Add(item);
        return null;
    }

    private RequestFailure? Result(JsonElement item, string field)
    {
        if (Text(item, "call_id") is not { } call)
        {
            return Invalid(field + ".call_id", "is a string.");
        }

        var (text, failure) = Content(item, "output", field);
        if (text is null)
        {
            return failure;
        }

        EndAssistant();
        _json.WriteStartObject();
        _json.WriteString("role", "tool");
        _json.WriteString("tool_call_id", call);
        _json.WriteString("content", text);
        _json.WriteEndObject();
        return null;
    }

    private RequestFailure? Thoughts(JsonElement item, string field)
    {
        if (item.TryGetProperty("encrypted_content", out var encrypted) && encrypted.ValueKind != JsonValueKind.Null)
        {
            return new RequestFailure(RequestError.NotSupported, $"{field}.encrypted_content: thoughts of another server cannot be read.", field + ".encrypted_content");
        }

        if (!item.TryGetProperty("content", out var content) || content.ValueKind == JsonValueKind.Null)
        {
            return null; // A summary is not what the model thought.
        }

        var (text, failure) = Content(item, "content", field);
        if (text is null)
        {
            return failure;
        }

        EndAssistant(unless: _said is null && _calls.Count == 0);
        _thoughts = _thoughts is null ? text : $"{_thoughts}\n{text}";
        return null;
    }

    private static (string? Text, RequestFailure? Failure) Content(JsonElement item, string name, string field)
    {
        field = $"{field}.{name}";
        if (!item.TryGetProperty(name, out var content) || content.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            return (null, Invalid(field, "is a string or a list of parts."));
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            return (content.GetString(), null);
        }

        var texts = new List<string>();
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object || Text(part, "type") is not { } type)
            {
                return (null, Invalid(field, "a part is an object with a type."));
            }

            if (type is not ("input_text" or "output_text" or "reasoning_text" or "text"))
            {
                return (null, new RequestFailure(RequestError.NotSupported, $"{field}: a part of type {JsonBody.Echo(type)} is not supported; text is.", field));
            }

            if (Text(part, "text") is not { } text)
            {
                return (null, Invalid(field, "a part of text has a text."));
            }

            texts.Add(text);
        }

        return (string.Join('\n', texts), null);
    }

    private static JsonElement OfText(JsonElement text) => JsonSerializer.SerializeToElement(
        new Dictionary<string, JsonElement> { ["type"] = JsonSerializer.SerializeToElement("message"), ["role"] = JsonSerializer.SerializeToElement("user"), ["content"] = text });

    private void Message(string role, string content)
    {
        _json.WriteStartObject();
        _json.WriteString("role", role);
        _json.WriteString("content", content);
        _json.WriteEndObject();
    }

    // The assistant's turn so far, if there is one.
    private void EndAssistant(bool unless = false)
    {
        if (unless || (_thoughts is null && _said is null && _calls.Count == 0))
        {
            return;
        }

        _json.WriteStartObject();
        _json.WriteString("role", "assistant");
        _json.WriteString("content", _said ?? "");
        if (_thoughts is not null)
        {
            _json.WriteString("reasoning_content", _thoughts);
        }

        if (_calls.Count > 0)
        {
            WriteCalls();
        }

        _json.WriteEndObject();
        (_thoughts, _said) = (null, null);
        _calls.Clear();
    }

    private void WriteCalls()
    {
        _json.WriteStartArray("tool_calls");
        foreach (var call in _calls)
        {
            _json.WriteStartObject();
            _json.WriteString("id", Text(call, "call_id"));
            var (type, content) = Text(call, "type") == CustomCall ? (CustomTools.Type, "input") : ("function", "arguments");
            _json.WriteString("type", type);
            _json.WriteStartObject(type);
            _json.WriteString("name", ResponseTools.ChatName(Text(call, "name")!, Text(call, "namespace")));
            _json.WriteString(content, Text(call, content));
            _json.WriteEndObject();
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}", field);
}
