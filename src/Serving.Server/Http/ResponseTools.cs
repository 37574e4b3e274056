using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Http;

/// <summary>
/// A response's tools as a chat's. Functions and custom tools lie flat there; those of a namespace are NAMESPACE__NAME in a chat. Tools of OpenAI's servers that agents offer unasked with every request are left out
/// beside functions, and the answer does not list them. What functions hold is checked by the engine.
/// </summary>
internal sealed class ResponseTools
{
    private const string Function = "function";

    private static readonly string[] Fields = ["parameters", "strict"];

    // Codex offers the first with any model, others of its versions the rest. Whatever else its servers run, somebody has asked for.
    private static readonly FrozenSet<string> OfferedUnasked =
        new[] { "web_search", "web_search_preview", "image_generation", "tool_search", "local_shell" }.ToFrozenSet();

    private readonly Utf8JsonWriter? _json;
    private readonly List<JsonElement> _offered = [];
    private readonly List<string> _places = [];
    private readonly Dictionary<string, (string Name, string? Namespace)> _byChatName = new(StringComparer.Ordinal);
    private string? _leftOut;

    private ResponseTools(Utf8JsonWriter? json) => _json = json;

    /// <summary>No tools.</summary>
    public static ResponseTools None { get; } = new(null);

    /// <summary>As a chat has them; null for none.</summary>
    public JsonElement? Chat { get; private set; }

    /// <summary>Those that the model is shown, as the request has them.</summary>
    public IReadOnlyList<JsonElement> Offered => _offered;

    /// <summary>Reads tools.</summary>
    public static (ResponseTools Tools, RequestFailure? Failure) Read(JsonElement? wire)
    {
        if (wire is not { ValueKind: not JsonValueKind.Null } tools || tools is { ValueKind: JsonValueKind.Array } && tools.GetArrayLength() == 0)
        {
            return (None, null);
        }

        if (tools.ValueKind != JsonValueKind.Array || tools.EnumerateArray().Any(static tool => tool.ValueKind != JsonValueKind.Object))
        {
            return (None, new RequestFailure(RequestError.InvalidRequest, "tools: is a list of objects.", "tools"));
        }

        if (!JsonStrings.AreText(tools))
        {
            return (None, new RequestFailure(RequestError.InvalidRequest, "tools: a string holds an unpaired surrogate.", "tools"));
        }

        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        var read = new ResponseTools(json);
        if (read.Write(tools) is { } failure)
        {
            return (None, failure);
        }

        json.Flush();
        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        read.Chat = JsonElement.ParseValue(ref reader);
        return (read, null);
    }

    /// <summary>Reads tool_choice: a word, or an object that names a tool.</summary>
    public static (ToolChoice Choice, RequestFailure? Failure) ReadChoice(JsonElement? wire)
    {
        if (wire is not { ValueKind: JsonValueKind.Object } choice || !JsonStrings.AreText(choice))
        {
            return wire is { ValueKind: JsonValueKind.Object } ? (ToolChoice.Auto, Malformed()) : ToolChoiceReader.Read(wire);
        }

        return choice.TryGetProperty("type", out var type) && KnownFields.IsText(type, Function, CustomTools.Type)
            ? Text(choice, "name") is { } name ? (new ToolChoice(ToolChoiceKind.Function, ChatName(name, Text(choice, "namespace"))), null) : (ToolChoice.Auto, Malformed())
            : (ToolChoice.Auto, KnownFields.NotSupported("tool_choice", choice));
    }

    /// <summary>What a chat calls a tool.</summary>
    public static string ChatName(string name, string? @namespace) =>
        @namespace is null ? name : @namespace.EndsWith("__", StringComparison.Ordinal) ? @namespace + name : $"{@namespace}__{name}";

    /// <summary>What a response calls a tool of the chat.</summary>
    public (string Name, string? Namespace) NameOf(string chatName) => _byChatName.GetValueOrDefault(chatName, (chatName, null));

    /// <summary>The place in the request of a chat's field.</summary>
    public string PlaceOf(string field)
    {
        const string Tools = "tools[";
        return field.StartsWith(Tools, StringComparison.Ordinal) && field.IndexOf(']', StringComparison.Ordinal) is > 0 and var end
            && int.TryParse(field.AsSpan(Tools.Length, end - Tools.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < _places.Count
            ? _places[index] + field[(end + 1)..]
            : field;
    }

    private static RequestFailure Malformed() => new(RequestError.InvalidRequest, "tool_choice: is a word, or an object that names a tool.", "tool_choice");

    private RequestFailure? Write(JsonElement tools)
    {
        _json!.WriteStartArray();
        var index = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            if (Write(tool, string.Create(CultureInfo.InvariantCulture, $"tools[{index++}]")) is { } failure)
            {
                return failure;
            }
        }

        if (_offered.Count == 0)
        {
            return NotSupported(_leftOut!);
        }

        _json!.WriteEndArray();
        return null;
    }

    private RequestFailure? Write(JsonElement tool, string field)
    {
        var type = Text(tool, "type");
        if (type is Function or CustomTools.Type or "namespace")
        {
            _offered.Add(tool);
            return type == "namespace" ? Namespace(tool, field) : Tool(tool, type, field, null, "");
        }

        if (type is null || !OfferedUnasked.Contains(type))
        {
            return NotSupported(field);
        }

        _leftOut ??= field;
        return null;
    }

    private RequestFailure? Namespace(JsonElement tool, string field)
    {
        if (Text(tool, "name") is not { } name)
        {
            return new RequestFailure(RequestError.InvalidRequest, $"{field}.name: is a string.", field + ".name");
        }

        if (!tool.TryGetProperty("tools", out var inner) || inner.ValueKind != JsonValueKind.Array || inner.GetArrayLength() == 0)
        {
            return new RequestFailure(RequestError.InvalidRequest, $"{field}.tools: is a list of tools.", field + ".tools");
        }

        // A chat has no place for what a namespace says of all its functions: it stands before what the first says of itself.
        var (index, about) = (0, Text(tool, "description") is { Length: > 0 } description ? description + "\n\n" : "");
        foreach (var function in inner.EnumerateArray())
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{field}.tools[{index++}]");
            var type = function.ValueKind == JsonValueKind.Object ? Text(function, "type") : null;
            if ((type is Function or CustomTools.Type ? Tool(function, type, place, name, about) : NotSupported(place)) is { } failure)
            {
                return failure;
            }

            about = "";
        }

        return null;
    }

    private RequestFailure? Tool(JsonElement tool, string type, string field, string? @namespace, string about)
    {
        var name = Text(tool, "name");
        var chatName = name is null ? null : ChatName(name, @namespace);
        if (@namespace is not null && chatName is not null && !_byChatName.TryAdd(chatName, (name!, @namespace)))
        {
            return new RequestFailure(RequestError.InvalidRequest, $"{field}.name: is the name of another tool, too.", field + ".name");
        }

        _places.Add(field);
        _json!.WriteStartObject();
        _json!.WriteString("type", type);
        _json!.WriteStartObject(type);
        Write(tool, "name", chatName);
        Write(tool, "description", Text(tool, "description") is { } description ? about + description : about.Length > 0 ? about : null);
        if (type == CustomTools.Type)
        {
            Format(tool);
        }
        else
        {
            foreach (var property in tool.EnumerateObject().Where(static property => Fields.Contains(property.Name) && property.Value.ValueKind != JsonValueKind.Null))
            {
                property.WriteTo(_json!);
            }
        }

        _json!.WriteEndObject();
        _json!.WriteEndObject();
        return null;
    }

    // A chat's format has the grammar one level further in.
    private void Format(JsonElement tool)
    {
        if (!tool.TryGetProperty("format", out var format) || format.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (format.ValueKind != JsonValueKind.Object || Text(format, "type") != "grammar")
        {
            _json!.WritePropertyName("format");
            format.WriteTo(_json!);
            return;
        }

        _json!.WriteStartObject("format");
        _json!.WriteString("type", "grammar");
        _json!.WritePropertyName("grammar");
        format.WriteTo(_json!);
        _json!.WriteEndObject();
    }

    // What is no text goes on as it is, to be refused by who checks functions.
    private void Write(JsonElement tool, string name, string? text)
    {
        if (text is not null)
        {
            _json!.WriteString(name, text);
        }
        else if (tool.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
        {
            _json!.WritePropertyName(name);
            value.WriteTo(_json!);
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static RequestFailure NotSupported(string field) =>
        new(RequestError.NotSupported, $"{field}.type: a tool of this type is not supported; function is, custom, and namespace.", field + ".type");
}
