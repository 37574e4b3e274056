using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>What ended a choice: a stop string or a stop token id, written as the one or the other.</summary>
/// <param name="Text">The stop string.</param>
/// <param name="Token">The stop token id, when there is no string.</param>
[JsonConverter(typeof(EndedByConverter))]
public sealed record EndedBy(string? Text, int Token);

/// <summary>Writes a stop reason as a JSON string or number.</summary>
public sealed class EndedByConverter : JsonConverter<EndedBy>
{
    /// <inheritdoc/>
    public override EndedBy Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.String => new EndedBy(reader.GetString(), 0),
        JsonTokenType.Number when reader.TryGetInt32(out var token) => new EndedBy(null, token),
        _ => throw new JsonException(),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, EndedBy value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        if (value.Text is not null)
        {
            writer.WriteStringValue(value.Text);
        }
        else
        {
            writer.WriteNumberValue(value.Token);
        }
    }
}
