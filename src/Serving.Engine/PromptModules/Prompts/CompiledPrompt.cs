using Serving.Core.Modules;
using Serving.Engine.Requests;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>A prompt that imports modules, as the core takes it.</summary>
public sealed record CompiledPrompt
{
    /// <summary>The imports' tokens in order, then arguments, texts in gaps and the schema's closing text by position, then the new text.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>The position of every token.</summary>
    public required int[] Positions { get; init; }

    /// <summary>The imported runs in the schema's order.</summary>
    public required IReadOnlyList<ModuleRef> Imports { get; init; }

    /// <summary>The path of each import's module; empty for the schema's own text.</summary>
    public required IReadOnlyList<string> ImportPaths { get; init; }

    /// <summary>The position of the first generated token.</summary>
    public int NextPosition => Positions.Max() + 1;

    /// <summary>What the imported modules were to the request, each once and in order; the schema's own text is not among them.</summary>
    /// <param name="hits">Per import, whether it was encoded already; empty while that is not known.</param>
    public IReadOnlyList<ModuleUsage> UsageOf(IReadOnlyList<bool> hits)
    {
        ArgumentNullException.ThrowIfNull(hits);
        var usage = new List<ModuleUsage>();
        foreach (var runs in Enumerable.Range(0, Imports.Count).Where(run => ImportPaths[run].Length > 0).GroupBy(run => ImportPaths[run]))
        {
            usage.Add(new ModuleUsage(runs.Key, runs.Sum(run => Imports[run].Tokens.Count), runs.Sum(run => run < hits.Count && hits[run] ? Imports[run].Tokens.Count : 0)));
        }

        return usage;
    }
}
