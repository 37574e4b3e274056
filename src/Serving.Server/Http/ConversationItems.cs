using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Serving.Server.Responses;

namespace Serving.Server.Http;

/// <summary>
/// Items as a conversation has them: each with a type, a status and an id of its own, and what messages say as a list of parts. A client sends some without.
/// </summary>
internal static class ConversationItems
{
    private static readonly JsonElement Completed = JsonDocument.Parse("\"completed\"").RootElement;

    /// <summary>A conversation's items with others behind them.</summary>
    /// <param name="items">Those that are there.</param>
    /// <param name="added">The others, which have been checked.</param>
    public static IReadOnlyList<StoredItem> Append(IReadOnlyList<StoredItem> items, IEnumerable<JsonElement> added)
    {
        var all = items.ToList();
        var ids = all.Select(static item => item.Id).ToHashSet();
        foreach (var item in added)
        {
            var type = TypeOf(item);
            var id = item.TryGetProperty("id", out var given) && given.ValueKind == JsonValueKind.String && given.GetString() is { Length: > 0 } own && ids.Add(own) ? own : NewId(type, ids);
            all.Add(new StoredItem(id, Write(item, type, id)));
        }

        return all;
    }

    /// <summary>An item as it is kept.</summary>
    public static JsonElement Read(StoredItem item)
    {
        var reader = new Utf8JsonReader(item.Json);
        return JsonElement.ParseValue(ref reader);
    }

    private static string TypeOf(JsonElement item) => item.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "message";

    private static string NewId(string type, HashSet<string> ids)
    {
        string id;
        do
        {
            id = string.Create(CultureInfo.InvariantCulture, $"{ResponseIds.PrefixOf(type)}_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}");
        }
        while (!ids.Add(id));
        return id;
    }

    private static byte[] Write(JsonElement item, string type, string id)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("id", id);
            json.WritePropertyName("status");
            (item.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.String ? status : Completed).WriteTo(json);
            foreach (var property in item.EnumerateObject().Where(static property => !(property.NameEquals("type") || property.NameEquals("id") || property.NameEquals("status"))))
            {
                if (type == "message" && property.NameEquals("content") && property.Value.ValueKind == JsonValueKind.String)
                {
                    WriteParts(json, item, property.Value);
                }
                else
                {
                    property.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteParts(Utf8JsonWriter json, JsonElement message, JsonElement text)
    {
        var isAnswer = message.TryGetProperty("role", out var role) && KnownFields.IsText(role, "assistant");
        json.WriteStartArray("content");
        json.WriteStartObject();
        json.WriteString("type", isAnswer ? "output_text" : "input_text");
        json.WritePropertyName("text");
        text.WriteTo(json);
        if (isAnswer)
        {
            json.WriteStartArray("annotations");
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndArray();
    }
}
