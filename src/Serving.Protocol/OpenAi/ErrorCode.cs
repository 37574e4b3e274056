using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>A failure's code: a number, as vLLM writes it, or a word, as OpenAI does.</summary>
/// <param name="Status">The HTTP status, written where there is no word.</param>
/// <param name="Word">The word.</param>
[JsonConverter(typeof(ErrorCodeConverter))]
public readonly record struct ErrorCode(int Status, string? Word = null);

/// <summary>Writes the word or the number.</summary>
internal sealed class ErrorCodeConverter : JsonConverter<ErrorCode>
{
    /// <inheritdoc/>
    public override ErrorCode Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String ? new ErrorCode(0, reader.GetString()) : new ErrorCode(reader.GetInt32());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ErrorCode value, JsonSerializerOptions options)
    {
        if (value.Word is { } word)
        {
            writer.WriteStringValue(word);
        }
        else
        {
            writer.WriteNumberValue(value.Status);
        }
    }
}
