using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>About how much memory a compiled schema takes: the tree that it was made from, its modules, and its text in tokens and positions.</summary>
internal static class SchemaBytes
{
    // Objects with their places in lists and tables, beside the texts and numbers that they hold.
    private const long Fixed = 1024;
    private const long NodeBytes = 120;
    private const long ModuleBytes = 200;
    private const long PartBytes = 120;
    private const long MemberBytes = 40;

    /// <summary>The bytes of a schema.</summary>
    public static long Of(CompiledSchema schema) =>
        Fixed
        + OfNodes(schema.Schema.Children)
        + schema.Modules.Sum(static module => ModuleBytes + (2L * module.Path.Length) + module.Parameters.Sum(static parameter => PartBytes + (4L * parameter.Scaffold.Count)))
        + schema.Runs.Sum(static run => PartBytes + (8L * run.Tokens.Count))
        + schema.Scaffolds.Sum(static scaffold => PartBytes + (MemberBytes * scaffold.Count))
        + schema.Schema.Scaffolds.Sum(static scaffold => PartBytes + scaffold.Sum(static path => MemberBytes + (2L * path.Length)));

    private static long OfNodes(IEnumerable<SchemaNode> nodes) => nodes.Sum(static node => NodeBytes + node switch
    {
        SchemaText text => 2L * text.Text.Length,
        SchemaParameter parameter => 2L * (parameter.Name.Length + (parameter.Scaffold?.Length ?? 0)),
        SchemaModule module => (2L * module.Name.Length) + OfNodes(module.Children),
        SchemaUnion union => OfNodes(union.Members),
        SchemaMessage message => OfNodes(message.Children),
        _ => 0,
    });
}
