using System.Buffers;
using System.Text.Json;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>Writes a schema as the JSON that <see cref="JsonSchemaReader"/> reads.</summary>
public static class SchemaJsonWriter
{
    /// <summary>The schema as a JSON object.</summary>
    public static JsonElement Write(PromptSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("name", schema.Name);
            WriteContent(writer, schema.Children);
            if (schema.Scaffolds.Count > 0)
            {
                writer.WriteStartArray("scaffolds");
                foreach (var scaffold in schema.Scaffolds)
                {
                    writer.WriteStartArray();
                    foreach (var path in scaffold)
                    {
                        writer.WriteStringValue(path);
                    }

                    writer.WriteEndArray();
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    private static void WriteContent(Utf8JsonWriter writer, IEnumerable<SchemaNode> nodes)
    {
        writer.WriteStartArray("content");
        foreach (var node in nodes)
        {
            if (node is SchemaText text)
            {
                writer.WriteStringValue(text.Text);
                continue;
            }

            writer.WriteStartObject();
            WriteElement(writer, node);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteElement(Utf8JsonWriter writer, SchemaNode node)
    {
        switch (node)
        {
            case SchemaModule module:
                writer.WriteString("type", "module");
                writer.WriteString("name", module.Name);
                WriteContent(writer, module.Children);
                break;
            case SchemaUnion union:
                writer.WriteString("type", "union");
                WriteContent(writer, union.Members);
                break;
            case SchemaMessage message:
                writer.WriteString("type", message.Role.ToString().ToLowerInvariant());
                WriteContent(writer, message.Children);
                break;
            case SchemaParameter parameter:
                writer.WriteString("type", "parameter");
                writer.WriteString("name", parameter.Name);
                writer.WriteNumber("length", parameter.Length);
                if (parameter.Scaffold is not null)
                {
                    writer.WriteString("scaffold", parameter.Scaffold);
                }

                break;
        }
    }
}
