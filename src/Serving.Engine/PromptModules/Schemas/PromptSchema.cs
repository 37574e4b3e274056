namespace Serving.Engine.PromptModules.Schemas;

/// <summary>
/// A prompt as a tree of parts that requests choose from: what Prompt Cache (Gim et al., 2023) calls a schema. Made by <c>SchemaBuilder</c>, which holds it to
/// <see cref="SchemaLimits"/>; what it lets through is trusted from then on.
/// </summary>
public sealed record PromptSchema
{
    /// <summary>Its name within its owner.</summary>
    public required string Name { get; init; }

    /// <summary>Its parts in order.</summary>
    public required IReadOnlyList<SchemaNode> Children { get; init; }

    /// <summary>Sets of modules, by path, that are encoded together for requests that import all of one set; no module is in two.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Scaffolds { get; init; } = [];

    /// <summary>Whether the schema ends inside a user's message, which the request goes on with: its last part is a user's message.</summary>
    public bool EndsInUserMessage => Children is [.., SchemaMessage { Role: MessageRole.User }];
}
