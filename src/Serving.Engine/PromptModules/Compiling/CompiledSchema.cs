using Serving.Core.Memory;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>A parameter with its place.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Position">Where its slot begins.</param>
/// <param name="Length">Tokens of the slot.</param>
/// <param name="Scaffold">What takes the slot without an argument; empty leaves it empty.</param>
public sealed record CompiledParameter(string Name, int Position, int Length, IReadOnlyList<int> Scaffold);

/// <summary>A module with its place. The first one of a schema is the schema itself, which every request imports.</summary>
public sealed record CompiledModule
{
    /// <summary>Names from the outermost in, joined by slashes; empty for the schema.</summary>
    public required string Path { get; init; }

    /// <summary>Number of the module around it; -1 for the schema.</summary>
    public required int Parent { get; init; }

    /// <summary>Number of the union whose member it is; -1 for none.</summary>
    public required int Union { get; init; }

    /// <summary>Its first position.</summary>
    public required int Start { get; init; }

    /// <summary>Positions that it takes, those of everything inside included.</summary>
    public required int Length { get; init; }

    /// <summary>Its parameters in order.</summary>
    public required IReadOnlyList<CompiledParameter> Parameters { get; init; }
}

/// <summary>Consecutive text of one module: what is encoded at once.</summary>
/// <param name="Module">Number of the module.</param>
/// <param name="Tokens">Its tokens, at least one.</param>
/// <param name="Positions">Their positions, ascending; a parameter inside leaves a gap.</param>
public sealed record CompiledRun(int Module, IReadOnlyList<int> Tokens, IReadOnlyList<int> Positions);

/// <summary>A schema in tokens and positions of one model. Immutable.</summary>
public sealed record CompiledSchema
{
    /// <summary>What it was made from.</summary>
    public required PromptSchema Schema { get; init; }

    /// <summary>Its version.</summary>
    public required Digest Version { get; init; }

    /// <summary>Positions that it takes, all modules included: the first new token stands at this one.</summary>
    public required int Length { get; init; }

    /// <summary>Its modules in order, the schema itself first.</summary>
    public required IReadOnlyList<CompiledModule> Modules { get; init; }

    /// <summary>Its runs in order.</summary>
    public required IReadOnlyList<CompiledRun> Runs { get; init; }

    /// <summary>The scaffolds as numbers of modules.</summary>
    public required IReadOnlyList<IReadOnlySet<int>> Scaffolds { get; init; }

    /// <summary>What a chat's first message begins with behind the schema: nothing where the schema has opened it.</summary>
    public required string ChatOpening { get; init; }

    /// <summary>Tokens of all runs together.</summary>
    public int TokenCount => Runs.Sum(run => run.Tokens.Count);

    /// <summary>Numbers of modules by path; the schema itself is not among them.</summary>
    public required IReadOnlyDictionary<string, int> Numbers { get; init; }

    /// <summary>The number of a module by its path; -1 when there is none.</summary>
    public int Find(string path) => Numbers.GetValueOrDefault(path, -1);

    /// <summary>Whether a module is another or stands inside it.</summary>
    public bool IsWithin(int module, int outer)
    {
        while (module > outer)
        {
            module = Modules[module].Parent;
        }

        return module == outer;
    }
}
