using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Reads a number that a 32-bit float can hold; 1e400 is refused instead of becoming infinite. Writes the shortest text that reads back equal.</summary>
public sealed class FiniteSingleConverter : JsonConverter<float>
{
    /// <inheritdoc/>
    public override float Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetSingle(out var value) || !float.IsFinite(value))
        {
            throw new JsonException();
        }

        return value;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, float value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteNumberValue(value);
    }
}
