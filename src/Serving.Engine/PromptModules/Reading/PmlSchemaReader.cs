using System.Xml;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>
/// Reads a schema from PML, Prompt Cache's XML: schema, module, union, parameter, system, user, assistant and text; and, where that leaves a set of modules to be
/// encoded together to its compiler, <c>&lt;scaffold modules="a b"/&gt;</c>.
/// </summary>
public static class PmlSchemaReader
{
    private const string Known = "a schema holds text, module, union, parameter, scaffold, system, user and assistant";

    /// <summary>Reads a schema.</summary>
    /// <exception cref="PromptSchemaException">It is no schema, or one beyond the limits.</exception>
    public static PromptSchema Read(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        using var document = new PmlDocument(source, SchemaLimits.SourceLength);
        document.ReadRoot("schema");
        var builder = new SchemaBuilder(Attributes(document, "name").GetValueOrDefault("name"), document.At);
        if (!document.IsEmpty)
        {
            ReadContent(document, builder);
        }

        while (document.Read())
        {
            // Nothing but blanks and comments may follow; the document says so itself.
        }

        return builder.Build();
    }

    private static void ReadContent(PmlDocument document, SchemaBuilder builder)
    {
        while (document.Read())
        {
            if (document.Text() is { } text)
            {
                builder.Text(text, document.At);
            }
            else if (document.Kind == XmlNodeType.Element)
            {
                ReadElement(document, builder);
            }
            else if (document.Depth == 0)
            {
                return;
            }
            else
            {
                builder.Close();
            }
        }
    }

    private static void ReadElement(PmlDocument document, SchemaBuilder builder)
    {
        var at = document.At;
        switch (document.Name)
        {
            case "module":
                var module = Attributes(document, "name", "cache");
                if (module.TryGetValue("cache", out var cache) && cache != "true")
                {
                    throw document.Wrong("cache=\"false\" is not supported: every module is cached");
                }

                Open(document, builder, ElementKind.Module, module.GetValueOrDefault("name"), at);
                break;
            case "union":
                Open(document, builder, ElementKind.Union, Nothing(document), at);
                break;
            case "system":
                Open(document, builder, ElementKind.System, Nothing(document), at);
                break;
            case "user":
                Open(document, builder, ElementKind.User, Nothing(document), at);
                break;
            case "assistant":
                Open(document, builder, ElementKind.Assistant, Nothing(document), at);
                break;
            case "parameter":
                var parameter = Attributes(document, "name", "length", "scaffold");
                builder.Parameter(parameter.GetValueOrDefault("name"), PmlDocument.Number(parameter.GetValueOrDefault("length")), parameter.GetValueOrDefault("scaffold"), at);
                Skip(document);
                break;
            case "scaffold":
                var modules = Attributes(document, "modules").GetValueOrDefault("modules") ?? "";
                builder.Scaffold(modules.Split([' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries), at);
                Skip(document);
                break;
            default:
                throw document.Unknown(Known);
        }
    }

    private static void Open(PmlDocument document, SchemaBuilder builder, ElementKind kind, string? name, SourcePosition at)
    {
        builder.Open(kind, name, at);
        if (document.IsEmpty)
        {
            builder.Close();
        }
    }

    // An element that has attributes only.
    private static void Skip(PmlDocument document)
    {
        if (document.IsEmpty)
        {
            return;
        }

        var name = document.Name;
        while (document.Read() && document.Kind != XmlNodeType.EndElement)
        {
            if (document.Text() is not "")
            {
                throw document.Wrong($"<{name}> holds nothing");
            }
        }
    }

    private static string? Nothing(PmlDocument document)
    {
        Attributes(document);
        return null;
    }

    private static Dictionary<string, string> Attributes(PmlDocument document, params ReadOnlySpan<string> known)
    {
        var attributes = document.Attributes();
        foreach (var name in attributes.Keys)
        {
            if (!known.Contains(name))
            {
                throw document.Wrong((document.Name, name) switch
                {
                    ("module", "src") => "src is not supported: a schema holds its text itself",
                    ("union", "scaffold") => "scaffold of a union is not supported: members are encoded without each other; declare <scaffold modules=\"…\"/> in the schema",
                    _ => $"<{document.Name}> has no attribute {Models.MalformedFileException.Quote(name)}",
                });
            }
        }

        return attributes;
    }
}
