using System.Text.Json;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>A schema's document: what references in it lead to. Nothing is ever fetched: what is not in the document is refused.</summary>
internal sealed class SchemaDocument
{
    private static readonly Uri Nowhere = new("schema://document/");

    private readonly Dictionary<string, SchemaNode> _resources = [];
    private readonly Dictionary<string, SchemaNode> _anchors = [];
    private readonly Dictionary<string, Uri> _bases = [];
    private readonly bool _hasOldIds;

    /// <summary>Checks a document's form and finds what its schemas are called.</summary>
    /// <exception cref="GrammarException">It is malformed or too large.</exception>
    public SchemaDocument(JsonElement root, string field)
    {
        if (root.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
        {
            throw new GrammarException($"{field}: a schema is an object or a boolean.");
        }

        if (root.GetRawText().Length > SchemaLimits.Length)
        {
            throw new GrammarException($"{field}: the schema has more than {SchemaLimits.Length} characters.");
        }

        CheckForm(root, field, 0);
        var dialect = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("$schema", out var schema) && schema.ValueKind == JsonValueKind.String ? schema.GetString()! : string.Empty;
        _hasOldIds = dialect.Contains("draft-04", StringComparison.Ordinal) || dialect.Contains("draft-03", StringComparison.Ordinal);
        HidesSiblings = _hasOldIds || dialect.Contains("draft-06", StringComparison.Ordinal) || dialect.Contains("draft-07", StringComparison.Ordinal);
        Root = new SchemaNode(root, Nowhere, "#", field);
        _resources[Name(Nowhere)] = Root;
        Root = Index(Root);
    }

    /// <summary>The whole.</summary>
    public SchemaNode Root { get; }

    /// <summary>Whether a reference hides what stands beside it, as up to draft 7.</summary>
    public bool HidesSiblings { get; }

    /// <summary>The schema that a node's <c>$ref</c> leads to.</summary>
    /// <exception cref="GrammarException">It leads nowhere, or out of the document.</exception>
    public SchemaNode Resolve(SchemaNode node, JsonElement reference)
    {
        if (reference.ValueKind != JsonValueKind.String)
        {
            throw node.Malformed("$ref", "is not a string");
        }

        var text = reference.GetString()!;
        var hash = text.IndexOf('#', StringComparison.Ordinal);
        var (address, fragment) = hash < 0 ? (text, string.Empty) : (text[..hash], text[(hash + 1)..]);
        var target = Join(node.Base, address);
        if (target is null || !_resources.TryGetValue(Name(target), out var resource))
        {
            throw node.NotDone("$ref", "it leads out of the schema, and nothing is fetched");
        }

        fragment = Uri.UnescapeDataString(fragment);
        var found = fragment.Length == 0 ? resource
            : fragment[0] == '/' ? Follow(resource, fragment)
            : _anchors.GetValueOrDefault($"{Name(target)}#{fragment}");
        return found is { Element.ValueKind: JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False } ? found : throw node.Malformed("$ref", "leads to no schema");
    }

    private SchemaNode? Follow(SchemaNode node, string pointer)
    {
        foreach (var step in pointer.Split('/').Skip(1))
        {
            var name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (node.Element.ValueKind == JsonValueKind.Object && node.Element.TryGetProperty(name, out var member))
            {
                node = node.Child(member, name);
            }
            else if (node.Element.ValueKind == JsonValueKind.Array && int.TryParse(name, out var index) && index >= 0 && index < node.Element.GetArrayLength())
            {
                node = node.Child(node.Element[index], name);
            }
            else
            {
                return null;
            }

            node = _bases.TryGetValue(node.Pointer, out var own) ? node with { Base = own } : node;
        }

        return node;
    }

    /// <summary>A schema with the base that its own <c>$id</c> gives it.</summary>
    public SchemaNode Placed(SchemaNode node) => _bases.TryGetValue(node.Pointer, out var own) ? node with { Base = own } : node;

    private SchemaNode Index(SchemaNode node)
    {
        if (node.Element.ValueKind != JsonValueKind.Object)
        {
            return node;
        }

        if (!(HidesSiblings && node.TryGet("$ref", out _)))
        {
            node = Called(node);
        }

        foreach (var keyword in SchemaKeywords.WithSchema)
        {
            if (node.TryGet(keyword, out var child))
            {
                Index(node.Child(child, keyword));
            }
        }

        foreach (var keyword in SchemaKeywords.WithList.Where(keyword => node.TryGet(keyword, out var list) && list.ValueKind == JsonValueKind.Array))
        {
            var list = node.Element.GetProperty(keyword);
            for (var i = 0; i < list.GetArrayLength(); i++)
            {
                Index(node.Child(list[i], keyword, i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            }
        }

        foreach (var keyword in SchemaKeywords.WithMap.Where(keyword => node.TryGet(keyword, out var map) && map.ValueKind == JsonValueKind.Object))
        {
            foreach (var member in node.Element.GetProperty(keyword).EnumerateObject())
            {
                Index(node.Child(member.Value, keyword, member.Name));
            }
        }

        return node;
    }

    private SchemaNode Called(SchemaNode node)
    {
        if (node.TryGet(_hasOldIds ? "id" : "$id", out var id) && id.ValueKind == JsonValueKind.String)
        {
            var text = id.GetString()!;
            if (text.StartsWith('#'))
            {
                _anchors.TryAdd($"{Name(node.Base)}{text}", node);
            }
            else if (Join(node.Base, text.Split('#')[0]) is { } own)
            {
                node = node with { Base = own };
                _resources.TryAdd(Name(own), node);
                _bases[node.Pointer] = own;
            }
        }

        foreach (var keyword in new[] { "$anchor", "$dynamicAnchor" })
        {
            if (node.TryGet(keyword, out var anchor) && anchor.ValueKind == JsonValueKind.String)
            {
                _anchors.TryAdd($"{Name(node.Base)}#{anchor.GetString()}", node);
            }
        }

        return node;
    }

    private static Uri? Join(Uri from, string address) => address.Length == 0 ? from : Uri.TryCreate(from, address, out var joined) ? joined : null;

    private static string Name(Uri address) => address.GetComponents(UriComponents.AbsoluteUri & ~UriComponents.Fragment, UriFormat.UriEscaped);

    // Afterwards every name and every string can be read.
    private static void CheckForm(JsonElement element, string field, int depth)
    {
        if (depth > SchemaLimits.Depth)
        {
            throw new GrammarException($"{field}: the schema is nested more than {SchemaLimits.Depth} deep.");
        }

        try
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.String:
                    _ = element.GetString();
                    break;
                case JsonValueKind.Array:
                    foreach (var item in element.EnumerateArray())
                    {
                        CheckForm(item, field, depth + 1);
                    }

                    break;
                case JsonValueKind.Object:
                    foreach (var member in element.EnumerateObject())
                    {
                        _ = member.Name;
                        CheckForm(member.Value, field, depth + 1);
                    }

                    break;
            }
        }
        catch (InvalidOperationException)
        {
            throw new GrammarException($"{field}: the schema has a string that is not Unicode: half a character.");
        }
    }
}
