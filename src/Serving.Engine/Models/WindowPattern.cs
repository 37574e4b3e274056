using System.Text.Json;

namespace Serving.Engine.Models;

/// <summary>The windows of families in which all layers have one but every so many-th, or which spell out by letters which have (L) and which have not (G).</summary>
internal static class WindowPattern
{
    private const string Pattern = "sliding_window_pattern";

    /// <summary>
    /// By layer, its window or 0: by <c>layer_types</c>, else every layer has one but each <c>sliding_window_pattern</c>-th. A null window means none anywhere.
    /// </summary>
    public static IReadOnlyList<int> Read(JsonFields fields, int layers, int defaultWindow, int defaultPattern)
    {
        if (fields.Element.TryGetProperty("sliding_window", out _) && !fields.Has("sliding_window"))
        {
            return [];
        }

        var window = fields.Int("sliding_window", 1, int.MaxValue, defaultWindow);
        if (LettersOf(fields) is { } letters && !fields.Has("layer_types"))
        {
            return [.. Enumerable.Range(0, layers).Select(layer => letters[layer % letters.Length] == 'L' ? window : 0)];
        }

        var pattern = LettersOf(fields)?.Length ?? fields.Int(Pattern, 1, ConfigReader.MaxLayers, fields.Int("_sliding_window_pattern", 1, ConfigReader.MaxLayers, defaultPattern));
        var types = fields.Texts("layer_types", ConfigReader.MaxLayers);
        if (types.Count == 0)
        {
            return [.. Enumerable.Range(1, layers).Select(layer => layer % pattern == 0 ? 0 : window)];
        }

        return types.Count == layers && types.All(type => type is "full_attention" or "sliding_attention")
            ? [.. types.Select(type => type == "full_attention" ? 0 : window)]
            : throw fields.Wrong("layer_types", $"a list of {layers} times full_attention or sliding_attention");
    }

    private static string? LettersOf(JsonFields fields)
    {
        if (!fields.TryGet(Pattern, out var value) || value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        var letters = value.GetString()!;
        return letters.Length is > 0 and <= ConfigReader.MaxLayers && letters.All(letter => letter is 'L' or 'G') ? letters : throw fields.Wrong(Pattern, "a number, or letters L and G");
    }
}
