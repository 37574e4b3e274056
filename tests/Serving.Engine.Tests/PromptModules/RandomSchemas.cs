using System.Text;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.Tests.PromptModules;

/// <summary>Random schemas within the rules, and as PML.</summary>
internal sealed class RandomSchemas(Random random)
{
    private static readonly string[] Words = ["red", "box", "\n", " the lamp", "<b>", "&amp;", " is", "é", "😀", "<|im_end|>", "  two", "\"q\"", "Document: "];
    private int _names;

    /// <summary>A schema; with messages only where asked for.</summary>
    public PromptSchema Next(bool messages)
    {
        var children = Nodes(0, inModule: false, inMessage: false, messages);
        var schema = new PromptSchema { Name = "random", Children = children.Count == 0 ? [new SchemaText(Text())] : children };
        var loose = Loose(schema.Children, "").ToList();
        return loose.Count < 2 || random.Next(2) == 0 ? schema : schema with { Scaffolds = [[.. loose.Take(random.Next(2, loose.Count + 1))]] };
    }

    /// <summary>Some text of one to five words.</summary>
    public string Text() => string.Concat(Enumerable.Range(0, random.Next(1, 6)).Select(_ => Words[random.Next(Words.Length)]));

    /// <summary>A schema as PML, its texts as CDATA.</summary>
    public static string ToPml(PromptSchema schema)
    {
        var pml = new StringBuilder($"<schema name=\"{schema.Name}\">");
        Write(pml, schema.Children);
        foreach (var scaffold in schema.Scaffolds)
        {
            pml.Append($"<scaffold modules=\"{string.Join(' ', scaffold)}\"/>");
        }

        return pml.Append("</schema>").ToString();
    }

    private static void Write(StringBuilder pml, IEnumerable<SchemaNode> nodes)
    {
        foreach (var node in nodes)
        {
            switch (node)
            {
                case SchemaText text:
                    pml.Append("<![CDATA[").Append(text.Text).Append("]]>");
                    break;
                case SchemaParameter parameter:
                    var scaffold = parameter.Scaffold is null ? "" : $" scaffold=\"{System.Security.SecurityElement.Escape(parameter.Scaffold)}\"";
                    pml.Append($"<parameter name=\"{parameter.Name}\" length=\"{parameter.Length}\"{scaffold}/>\n");
                    break;
                case SchemaModule module:
                    Element(pml, "module", $" name=\"{module.Name}\"", module.Children);
                    break;
                case SchemaUnion union:
                    Element(pml, "union", "", union.Members);
                    break;
                case SchemaMessage message:
                    Element(pml, message.Role.ToString().ToLowerInvariant(), "", message.Children);
                    break;
            }
        }
    }

    private static void Element(StringBuilder pml, string name, string attributes, IEnumerable<SchemaNode> children)
    {
        pml.Append('<').Append(name).Append(attributes).Append(">\n  ");
        Write(pml, children);
        pml.Append("</").Append(name).Append(">\n");
    }

    // Paths of modules outside unions.
    private static IEnumerable<string> Loose(IEnumerable<SchemaNode> nodes, string parent) => nodes.SelectMany(node => node switch
    {
        SchemaModule module => Loose(module.Children, SchemaNames.Join(parent, module.Name)).Prepend(SchemaNames.Join(parent, module.Name)),
        SchemaMessage message => Loose(message.Children, parent),
        _ => [],
    });

    private List<SchemaNode> Nodes(int depth, bool inModule, bool inMessage, bool messages)
    {
        var nodes = new List<SchemaNode>();
        for (var count = random.Next(0, depth == 0 ? 7 : 5); count > 0; count--)
        {
            switch (random.Next(depth > 3 ? 2 : 6))
            {
                case 0 when nodes is not [.., SchemaText]:
                    nodes.Add(new SchemaText(Text()));
                    break;
                case 1 when inModule:
                    nodes.Add(new SchemaParameter(Name(), random.Next(20, 40), random.Next(2) == 0 ? "three" : null));
                    break;
                case 2 or 3:
                    nodes.Add(Module(depth, inMessage, messages));
                    break;
                case 4:
                    nodes.Add(new SchemaUnion([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Module(depth, inMessage, messages))]));
                    break;
                case 5 when messages && !inMessage:
                    nodes.Add(new SchemaMessage((MessageRole)random.Next(3), Nodes(depth + 1, inModule, inMessage: true, messages)));
                    break;
            }
        }

        return nodes;
    }

    private SchemaModule Module(int depth, bool inMessage, bool messages) => new(Name(), Nodes(depth + 1, inModule: true, inMessage, messages));

    private string Name() => $"n{_names++}.x-_";
}
