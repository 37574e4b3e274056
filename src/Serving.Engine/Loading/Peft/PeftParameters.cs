using System.Globalization;
using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>Which parameters an adapter changes that are no Linears' weights (PEFT's <c>target_parameters</c>): a list of names, or of their ends behind a dot.</summary>
internal sealed class PeftParameters
{
    private const int MaxNames = 4096;

    private readonly HashSet<string> _names;

    private PeftParameters(IReadOnlyList<string> names, bool? takesInputsFirst)
    {
        Names = names;
        TakesInputsFirst = takesInputsFirst;
        _names = names.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The names.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// Whether lora_A of a parameter [expert, output, input] has its inputs as columns, by the version of the library that wrote the adapter: since 0.19; null where it says none.
    /// </summary>
    public bool? TakesInputsFirst { get; }

    /// <summary>Reads those of an adapter's config.</summary>
    public static PeftParameters Parse(JsonFields config)
    {
        if (!config.TryGet("target_parameters", out var value) || value.ValueKind == JsonValueKind.False)
        {
            return new PeftParameters([], null);
        }

        return value.ValueKind == JsonValueKind.Array
            ? new PeftParameters(config.Texts("target_parameters", MaxNames), VersionOf(config.Text("peft_version", string.Empty)!))
            : throw new AdapterFormatException(AdapterFailure.Unsupported, "target_parameters that is no list is not supported");
    }

    /// <summary>Whether a parameter, as <c>model.layers.3.mlp.experts.down_proj</c>, is one of them.</summary>
    public bool Contains(string name) => PeftTargets.EndsWithAny(name, _names);

    private static bool? VersionOf(string version)
    {
        var parts = version.Split('.');
        return parts.Length >= 2 && Number(parts[0]) is { } major && Number(parts[1]) is { } minor ? (major, minor).CompareTo((0, 19)) >= 0 : null;
    }

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
