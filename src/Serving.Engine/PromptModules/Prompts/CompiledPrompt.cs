using Serving.Core.Modules;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>A prompt that imports modules, as the core takes it.</summary>
public sealed record CompiledPrompt
{
    /// <summary>The imports' tokens in order, then arguments and texts in gaps by position, then the new text.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>The position of every token.</summary>
    public required int[] Positions { get; init; }

    /// <summary>The imported runs in the schema's order.</summary>
    public required IReadOnlyList<ModuleRef> Imports { get; init; }

    /// <summary>The path of each import's module; empty for the schema's own text.</summary>
    public required IReadOnlyList<string> ImportPaths { get; init; }

    /// <summary>The position of the first generated token.</summary>
    public int NextPosition => Positions.Max() + 1;
}
