using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>A <c>rank_pattern</c> or <c>alpha_pattern</c>: the first key, in file order, that matches a module's name decides; otherwise the default.</summary>
internal sealed class PeftPatterns
{
    private const int MaxKeys = 8192;
    private const int MaxExpressions = 64;

    private readonly List<(ModulePattern Pattern, double Value)> _keys = [];
    private readonly double _otherwise;

    private PeftPatterns(double otherwise) => _otherwise = otherwise;

    /// <summary>Reads the pattern of a config.</summary>
    public static PeftPatterns Parse(JsonFields config, string name, double otherwise, double min, double max)
    {
        var patterns = new PeftPatterns(otherwise);
        foreach (var property in config.Object(name)?.Element.EnumerateObject() ?? [])
        {
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetDouble(out var value) || !(value >= min && value <= max))
            {
                throw config.Wrong(name, FormattableString.Invariant($"numbers from {min} to {max}"));
            }

            patterns._keys.Add((ModulePattern.Suffix(property.Name), value));
            if (patterns._keys.Count > MaxKeys || patterns._keys.Count(key => !key.Pattern.IsPlain) > MaxExpressions)
            {
                throw new AdapterFormatException(AdapterFailure.Unsupported, $"{name} has too many keys");
            }
        }

        return patterns;
    }

    /// <summary>The value for a module.</summary>
    public double For(string module)
    {
        foreach (var (pattern, value) in _keys)
        {
            if (pattern.Matches(module))
            {
                return value;
            }
        }

        return _otherwise;
    }
}
