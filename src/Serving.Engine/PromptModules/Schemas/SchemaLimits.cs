namespace Serving.Engine.PromptModules.Schemas;

/// <summary>The most of everything that one schema may have, each far above any use that is known.</summary>
public static class SchemaLimits
{
    /// <summary>UTF-16 units of a schema's source: more text than any served context holds.</summary>
    public const int SourceLength = 1 << 20;

    /// <summary>Elements inside each other; as JSON that is two levels each, within the 32 that a request's body may have.</summary>
    public const int Depth = 12;

    /// <summary>Elements and texts together: bounds the tree that a source of many small parts becomes.</summary>
    public const int Nodes = 4096;

    /// <summary>Runs of text that are encoded for themselves: what a run attends to is listed run by run.</summary>
    public const int Runs = 512;

    /// <summary>Characters of a name.</summary>
    public const int NameLength = 64;

    /// <summary>Tokens of one parameter.</summary>
    public const int ParameterLength = 65_536;

    /// <summary>Scaffolds of a schema: each may cost every run's memory once more.</summary>
    public const int Scaffolds = 16;

    /// <summary>Modules of one scaffold.</summary>
    public const int ScaffoldModules = 64;
}
