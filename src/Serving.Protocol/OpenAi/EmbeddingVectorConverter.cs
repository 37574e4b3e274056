using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Writes embeddings in OpenAI's two forms, and reads both.</summary>
public sealed class EmbeddingVectorConverter : JsonConverter<EmbeddingVector>
{
    /// <inheritdoc/>
    public override EmbeddingVector Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.TryGetBytesFromBase64(out var bytes) && bytes.Length % sizeof(float) == 0 ? new EmbeddingVector(Elements(bytes), true) : throw new JsonException();
        }

        var elements = new List<float>();
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            elements.Add(reader.GetSingle());
        }

        return reader.TokenType == JsonTokenType.EndArray ? new EmbeddingVector(elements, false) : throw new JsonException();
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, EmbeddingVector value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        if (value.AsBase64)
        {
            writer.WriteBase64StringValue(Bytes(value.Elements));
            return;
        }

        writer.WriteStartArray();
        foreach (var element in value.Elements)
        {
            writer.WriteNumberValue(element);
        }

        writer.WriteEndArray();
    }

    private static byte[] Bytes(IReadOnlyList<float> elements)
    {
        var bytes = new byte[elements.Count * sizeof(float)];
        for (var i = 0; i < elements.Count; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), elements[i]);
        }

        return bytes;
    }

    private static float[] Elements(byte[] bytes) =>
        [.. Enumerable.Range(0, bytes.Length / sizeof(float)).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float))))];
}
