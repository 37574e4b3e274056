using System.Globalization;
using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>
/// Which modules an adapter changes, by PEFT's rules: <c>target_modules</c> as a list of name suffixes, one regular expression or "all-linear";
/// less <c>exclude_modules</c>; only the layers of <c>layers_to_transform</c>.
/// </summary>
internal sealed class PeftTargets
{
    private const int MaxModules = 4096;
    private const int MaxLayers = 1024;

    private readonly Func<string, bool> _targets;
    private readonly Func<string, bool> _excludes;
    private readonly HashSet<int>? _layers;

    private PeftTargets(Func<string, bool> targets, Func<string, bool> excludes, HashSet<int>? layers, IReadOnlyList<string> names)
    {
        _targets = targets;
        _excludes = excludes;
        _layers = layers;
        Names = names;
    }

    /// <summary>The listed names; empty for a regular expression or "all-linear".</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Reads the targets of an adapter's config.</summary>
    /// <param name="config">The config.</param>
    /// <param name="mayLack">Whether it may name none, as it names parameters.</param>
    public static PeftTargets Parse(JsonFields config, bool mayLack)
    {
        var layers = Layers(config);
        if (!config.TryGet("target_modules", out var value))
        {
            return mayLack ? new PeftTargets(_ => false, _ => false, layers, []) : throw new MalformedFileException("target_modules is missing");
        }

        var names = value.ValueKind == JsonValueKind.Array ? config.Texts("target_modules", MaxModules) : [];
        var excludes = config.TryGet("exclude_modules", out var excluded) ? Matcher(config, "exclude_modules", excluded) : _ => false;
        return new PeftTargets(Matcher(config, "target_modules", value), excludes, layers, names);
    }

    /// <summary>Whether a module, as <c>model.layers.3.self_attn.q_proj</c>, is one of them.</summary>
    public bool Contains(string module, int layer) => _targets(module) && !_excludes(module) && (_layers is null || _layers.Contains(layer));

    private static Func<string, bool> Matcher(JsonFields config, string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            var text = value.GetString()!;
            return text.Equals("all-linear", StringComparison.OrdinalIgnoreCase) ? _ => true : ModulePattern.Whole(text).Matches;
        }

        var names = config.Texts(name, MaxModules).ToHashSet(StringComparer.Ordinal);
        return module => EndsWithAny(module, names);
    }

    /// <summary>Whether the module's name, or what follows one of its dots, is listed.</summary>
    internal static bool EndsWithAny(string module, HashSet<string> names)
    {
        var ends = names.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var start = 0; start >= 0; start = module.IndexOf('.', start))
        {
            start += start == 0 ? 0 : 1;
            if (ends.Contains(module.AsSpan(start)))
            {
                return true;
            }

            start++;
        }

        return false;
    }

    private static HashSet<int>? Layers(JsonFields config)
    {
        var layers = config.Ints("layers_to_transform", 0, MaxLayers - 1, MaxLayers);
        if (layers.Count == 0)
        {
            return null;
        }

        if (config.TryGet("layers_pattern", out var pattern))
        {
            var names = pattern.ValueKind == JsonValueKind.Array ? config.Texts("layers_pattern", 16) : [config.Text("layers_pattern")!];
            if (names.Any(name => name is not ("layers" or "")))
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, "layers_pattern other than 'layers' is not supported");
            }
        }

        return [.. layers];
    }
}
