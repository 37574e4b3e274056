namespace Serving.Engine.PromptModules.Prompts;

/// <summary>A module that a request imports.</summary>
public sealed record ModuleReference
{
    /// <summary>Its path: names from the outermost in, joined by slashes.</summary>
    public required string Path { get; init; }

    /// <summary>What its parameters get.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>();

    /// <summary>Text that the request has before it and behind the module named before; it must fit the gap there.</summary>
    public string TextBefore { get; init; } = "";

    /// <summary>The field that names it, for messages.</summary>
    public required string Field { get; init; }
}
