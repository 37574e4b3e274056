using System.Buffers;
using System.Text.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>Tools for a template that shows them as a property of the system message (Phi-4-mini's): a text that holds a list of functions.</summary>
public static class SystemTools
{
    /// <summary>A conversation whose system message, which is put before it where there is none, has the tools.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="tools">The tools, as a request has them.</param>
    public static JsonElement In(JsonElement messages, JsonElement tools)
    {
        var text = $"[{string.Join(", ", tools.EnumerateArray().Select(static tool => tool.GetProperty("function").GetRawText()))}]";
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            var rest = messages.EnumerateArray().ToList();
            var system = rest is [var first, ..] && first.GetProperty("role").ValueEquals("system") ? first : default;
            Write(json, system, text);
            foreach (var message in rest.Skip(system.ValueKind == JsonValueKind.Object ? 1 : 0))
            {
                message.WriteTo(json);
            }

            json.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    private static void Write(Utf8JsonWriter json, JsonElement system, string tools)
    {
        json.WriteStartObject();
        if (system.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in system.EnumerateObject().Where(static property => !property.NameEquals("tools")))
            {
                property.WriteTo(json);
            }
        }
        else
        {
            json.WriteString("role", "system");
            json.WriteString("content", "");
        }

        json.WriteString("tools", tools);
        json.WriteEndObject();
    }
}
