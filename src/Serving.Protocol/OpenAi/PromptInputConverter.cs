using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Reads the prompt field: text, list of texts, token ids, or list of lists of token ids.</summary>
public sealed class PromptInputConverter : JsonConverter<PromptInput>
{
    /// <inheritdoc/>
    public override PromptInput Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return new PromptInput([new PromptItem(reader.GetString(), null)]);
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException();
        }

        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.EndArray => new PromptInput([]),
            JsonTokenType.String => new PromptInput(ReadTexts(ref reader)),
            JsonTokenType.Number => new PromptInput([new PromptItem(null, ReadTokens(ref reader))]),
            JsonTokenType.StartArray => new PromptInput(ReadTokenLists(ref reader)),
            _ => throw new JsonException(),
        };
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, PromptInput value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteStartArray();
        foreach (var item in value.Items)
        {
            if (item.Text is not null)
            {
                writer.WriteStringValue(item.Text);
                continue;
            }

            writer.WriteStartArray();
            foreach (var token in item.Tokens ?? [])
            {
                writer.WriteNumberValue(token);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }

    // Each of these starts at the first element and ends at the closing bracket.
    private static List<PromptItem> ReadTexts(ref Utf8JsonReader reader)
    {
        var items = new List<PromptItem>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            items.Add(new PromptItem(reader.TokenType == JsonTokenType.String ? reader.GetString() : throw new JsonException(), null));
        }

        return items;
    }

    private static List<int> ReadTokens(ref Utf8JsonReader reader)
    {
        var tokens = new List<int>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            tokens.Add(reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var token) ? token : throw new JsonException());
        }

        return tokens;
    }

    private static List<PromptItem> ReadTokenLists(ref Utf8JsonReader reader)
    {
        var items = new List<PromptItem>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                throw new JsonException();
            }

            reader.Read();
            items.Add(new PromptItem(null, ReadTokens(ref reader)));
        }

        return items;
    }
}
