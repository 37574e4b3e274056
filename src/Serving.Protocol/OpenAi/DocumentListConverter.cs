using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Reads a list of documents: strings, or objects that have a text and nothing else.</summary>
public sealed class DocumentListConverter : JsonConverter<IReadOnlyList<string>>
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException();
        }

        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            texts.Add(reader.TokenType switch
            {
                JsonTokenType.String => reader.GetString()!,
                JsonTokenType.StartObject => TextOf(ref reader),
                _ => throw new JsonException(),
            });
        }

        return texts;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options) => new StringListConverter().Write(writer, value, options);

    private static string TextOf(ref Utf8JsonReader reader)
    {
        if (!(reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("text"u8) && reader.Read() && reader.TokenType == JsonTokenType.String))
        {
            throw new JsonException();
        }

        var text = reader.GetString()!;
        return reader.Read() && reader.TokenType == JsonTokenType.EndObject ? text : throw new JsonException();
    }
}
