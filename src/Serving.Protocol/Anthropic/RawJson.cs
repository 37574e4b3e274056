using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.Anthropic;

/// <summary>A value in JSON that is passed on as it was written: numbers keep their digits, strings their escapes.</summary>
/// <param name="Text">The value.</param>
[JsonConverter(typeof(RawJsonConverter))]
public readonly record struct RawJson(string Text);

/// <summary>Writes the text; whoever made it has checked it.</summary>
internal sealed class RawJsonConverter : JsonConverter<RawJson>
{
    /// <inheritdoc/>
    public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonElement.ParseValue(ref reader).GetRawText());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Text, skipInputValidation: true);
}
