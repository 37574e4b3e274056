using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>
/// Reads a schema from JSON, which means what PML means: <c>{"name", "content", "scaffolds": [["a", "b"], …]}</c>. Content is a string, or a list of strings and of
/// <c>{"type": "module", "name", "content"}</c>, <c>{"type": "union", "content"}</c>, <c>{"type": "parameter", "name", "length", "scaffold"}</c> and
/// <c>{"type": "system" | "user" | "assistant", "content"}</c>. Strings are text exactly as they are.
/// </summary>
public static class JsonSchemaReader
{
    // An element is an object and a list; the schema's own two and a scaffold's come on top.
    private const int MaxDepth = (2 * SchemaLimits.Depth) + 4;

    private static readonly string[] SchemaFields = ["name", "content", "scaffolds"];
    private static readonly string[] ElementFields = ["type", "name", "content", "length", "scaffold"];

    /// <summary>Reads a schema.</summary>
    /// <exception cref="PromptSchemaException">It is no schema, or one beyond the limits.</exception>
    public static PromptSchema Read(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return source.Length > SchemaLimits.SourceLength
            ? throw new PromptSchemaException($"more than {SchemaLimits.SourceLength} characters", default)
            : Read(Encoding.UTF8.GetBytes(source));
    }

    /// <summary>Reads a schema from UTF-8, at most three bytes for each of <see cref="SchemaLimits.SourceLength"/>.</summary>
    /// <exception cref="PromptSchemaException">It is no schema, or one beyond the limits.</exception>
    public static PromptSchema Read(ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Length > 3 * SchemaLimits.SourceLength || !Utf8.IsValid(utf8.Span))
        {
            throw new PromptSchemaException("too long, or not UTF-8", default);
        }

        var source = new JsonSource(utf8.Span.StartsWith(Encoding.UTF8.Preamble) ? utf8[3..] : utf8);
        var reader = source.Open(MaxDepth);
        source.Read(ref reader);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new PromptSchemaException("a schema is an object", source.At(reader));
        }

        var schema = ReadFields(source, ref reader, SchemaFields);
        source.Read(ref reader);
        var builder = new SchemaBuilder(schema.Name, schema.At);
        ReadContent(source, schema, builder);
        if (schema.HasScaffolds)
        {
            ReadScaffolds(source, schema.Scaffolds, builder);
        }

        return builder.Build();
    }

    // The fields of an object; the reader stands on its brace and ends on the closing one.
    private static ElementParts ReadFields(JsonSource source, ref Utf8JsonReader reader, string[] known)
    {
        var fields = new ElementParts { At = source.At(reader) };
        var seen = new HashSet<string>();
        for (source.Read(ref reader); reader.TokenType != JsonTokenType.EndObject; source.Read(ref reader))
        {
            var field = source.Field(ref reader);
            if (!known.Contains(field) || !seen.Add(field))
            {
                throw source.Unknown(ref reader, field);
            }

            source.Read(ref reader);
            switch (field)
            {
                case "type":
                    fields.Type = source.Text(ref reader, field);
                    break;
                case "name":
                    fields.Name = source.Text(ref reader, field);
                    break;
                case "scaffold":
                    fields.Scaffold = source.Text(ref reader, field);
                    break;
                case "length":
                    fields.Length = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var length) ? length : -1;
                    break;
                case "content":
                    fields.Content = reader;
                    fields.HasContent = true;
                    break;
                default:
                    fields.Scaffolds = reader;
                    fields.HasScaffolds = true;
                    break;
            }

            source.Skip(ref reader);
        }

        return fields;
    }

    private static void ReadContent(JsonSource source, ElementParts fields, SchemaBuilder builder)
    {
        if (!fields.HasContent)
        {
            return;
        }

        var reader = fields.Content;
        if (reader.TokenType == JsonTokenType.String)
        {
            builder.Text(source.Text(ref reader, "content"), source.At(reader));
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new PromptSchemaException("content is a string or a list", source.At(reader));
        }

        for (source.Read(ref reader); reader.TokenType != JsonTokenType.EndArray; source.Read(ref reader))
        {
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                ReadElement(source, ref reader, builder);
            }
            else
            {
                builder.Text(source.Text(ref reader, "an entry of content that is not an object"), source.At(reader));
            }
        }
    }

    private static void ReadElement(JsonSource source, ref Utf8JsonReader reader, SchemaBuilder builder)
    {
        var fields = ReadFields(source, ref reader, ElementFields);
        if (fields.Type == "parameter")
        {
            Check(fields);
            builder.Parameter(fields.Name, fields.Length ?? -1, fields.Scaffold, fields.At);
            return;
        }

        var kind = KindOf(fields);
        Check(fields);
        builder.Open(kind, fields.Name, fields.At);
        ReadContent(source, fields, builder);
        builder.Close();
    }

    private static ElementKind KindOf(ElementParts fields) => fields.Type switch
    {
        "module" => ElementKind.Module,
        "union" => ElementKind.Union,
        "system" => ElementKind.System,
        "user" => ElementKind.User,
        "assistant" => ElementKind.Assistant,
        null => throw new PromptSchemaException("an element has a type", fields.At),
        _ => throw new PromptSchemaException($"the type {MalformedFileException.Quote(fields.Type)} is not known; it is module, union, parameter, system, user or assistant", fields.At),
    };

    // Each type has fields of its own; one that it has no use for would be ignored, so it is refused.
    private static void Check(ElementParts fields)
    {
        var isParameter = fields.Type == "parameter";
        var wrong = isParameter && fields.HasContent ? "content"
            : !isParameter && fields.Length is not null ? "length"
            : !isParameter && fields.Scaffold is not null ? "scaffold"
            : fields is { Name: not null, Type: not ("module" or "parameter") } ? "name"
            : null;
        if (wrong is not null)
        {
            throw new PromptSchemaException($"an element of type {MalformedFileException.Quote(fields.Type)} has no {wrong}", fields.At);
        }
    }

    private static void ReadScaffolds(JsonSource source, Utf8JsonReader reader, SchemaBuilder builder)
    {
        Begin(source, ref reader);
        for (source.Read(ref reader); reader.TokenType != JsonTokenType.EndArray; source.Read(ref reader))
        {
            var at = source.At(reader);
            var paths = new List<string>();
            Begin(source, ref reader);
            for (source.Read(ref reader); reader.TokenType != JsonTokenType.EndArray; source.Read(ref reader))
            {
                paths.Add(source.Text(ref reader, "a module of a scaffold"));
                if (paths.Count > SchemaLimits.ScaffoldModules)
                {
                    break;
                }
            }

            builder.Scaffold(paths, at);
        }
    }

    private static void Begin(JsonSource source, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new PromptSchemaException("scaffolds is a list of lists of module paths", source.At(reader));
        }
    }

    private ref struct ElementParts
    {
        public SourcePosition At;
        public string? Type;
        public string? Name;
        public string? Scaffold;
        public int? Length;
        public bool HasContent;
        public Utf8JsonReader Content;
        public bool HasScaffolds;
        public Utf8JsonReader Scaffolds;
    }
}
