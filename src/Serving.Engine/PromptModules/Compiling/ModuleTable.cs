using Serving.Core.Memory;
using Serving.Core.Modules;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>
/// A schema's runs as the core knows them, under one root (model, adapter, salt). A run attends to the runs before it of its own module and of the modules around it,
/// and to nothing else: that is what every request that imports it imports too. Where a scaffold is in use, its members also attend to its members before them.
/// </summary>
public sealed class ModuleTable
{
    private const long EmptyBytes = 160;

    /// <summary>A run's entry with its empty list.</summary>
    private const long RefBytes = 112;

    private readonly CompiledSchema _schema;
    private readonly Digest _root;
    private readonly Lock _lock = new();
    private readonly IReadOnlyList<ModuleRef>?[] _variants;

    /// <summary>Creates a table; its entries are made when they are first asked for.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="root">See <see cref="ModuleKeys.Root"/>.</param>
    public ModuleTable(CompiledSchema schema, Digest root)
    {
        ArgumentNullException.ThrowIfNull(schema);
        _schema = schema;
        _root = root;
        _variants = new IReadOnlyList<ModuleRef>?[schema.Scaffolds.Count + 1];
    }

    /// <summary>The schema whose runs these are; a prompt takes positions from this one.</summary>
    public CompiledSchema Schema => _schema;

    /// <summary>About how much memory it takes at most, in bytes: all variants with their lists, the schema aside.</summary>
    public long Bytes
    {
        get
        {
            long runs = _schema.Runs.Count;
            return EmptyBytes + (_variants.Length * ((RefBytes * runs) + (8 * runs * (runs - 1) / 2)));
        }
    }

    /// <summary>The runs, one entry for each of the schema's.</summary>
    /// <param name="scaffold">Number of the scaffold in use, or -1.</param>
    public IReadOnlyList<ModuleRef> Runs(int scaffold)
    {
        lock (_lock)
        {
            return _variants[scaffold + 1] ??= Create(scaffold < 0 ? null : _schema.Scaffolds[scaffold]);
        }
    }

    private ModuleRef[] Create(IReadOnlySet<int>? together)
    {
        var runs = _schema.Runs;
        var refs = new ModuleRef[runs.Count];
        for (var i = 0; i < refs.Length; i++)
        {
            var (module, isTogether) = (runs[i].Module, together?.Contains(runs[i].Module) == true);
            var context = Enumerable.Range(0, i)
                .Where(before => _schema.IsWithin(module, runs[before].Module) || (isTogether && together!.Contains(runs[before].Module)))
                .Select(before => refs[before])
                .ToArray();
            refs[i] = new ModuleRef
            {
                Key = ModuleKeys.Of(_root, context, runs[i].Tokens, runs[i].Positions),
                Tokens = runs[i].Tokens,
                Positions = runs[i].Positions,
                Context = context,
            };
        }

        return refs;
    }
}
