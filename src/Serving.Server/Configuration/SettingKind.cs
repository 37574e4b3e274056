using System.Globalization;
using System.Text.Json;
using Serving.Engine;
using Serving.Engine.Requests;

namespace Serving.Server.Configuration;

/// <summary>How a configuration value is read from text and written as JSON.</summary>
/// <typeparam name="T">The value's type.</typeparam>
/// <param name="Expected">What is accepted, in words.</param>
/// <param name="Parse">The value, or nothing when the text is not one.</param>
/// <param name="ToJson">The value as it stands in <c>serving.json</c>.</param>
internal sealed record SettingKind<T>(string Expected, Func<string, (bool Ok, T Value)> Parse, Func<T, string> ToJson);

/// <summary>The kinds of values that configuration keys have.</summary>
internal static class SettingKinds
{
    private static readonly (string Suffix, int Shift)[] Sizes = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

    /// <summary>true or false.</summary>
    public static SettingKind<bool> Flag { get; } = new(
        "true or false",
        text => text is "true" or "false" ? (true, text == "true") : (false, false),
        value => value ? "true" : "false");

    /// <summary>Any text but the empty one.</summary>
    public static SettingKind<string?> Text { get; } = new("a text", text => (text.Length > 0, text), Quote);

    /// <summary>A JSON object, kept as the text that it was given as.</summary>
    public static SettingKind<string?> JsonObject { get; } = new("a JSON object in a text", text => (IsJsonObject(text), text), Quote);

    /// <summary>A whole number in a range.</summary>
    public static SettingKind<int> Integer(int min, int max) => new(
        $"a whole number from {min} to {max}",
        text => (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max, value),
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A whole number in a range, or nothing.</summary>
    public static SettingKind<int?> OptionalInteger(int min, int max)
    {
        var kind = Integer(min, max);
        return new(kind.Expected, text => kind.Parse(text), value => value is { } number ? kind.ToJson(number) : "null");
    }

    /// <summary>A large whole number.</summary>
    public static SettingKind<long> Long(long min, long max) => new(
        $"a whole number from {min} to {max}",
        text => (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max, value),
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A number of bytes, with or without a suffix KiB … TiB.</summary>
    public static SettingKind<long> Size(long min, long max) => new(
        $"bytes from {WriteSize(min)} to {WriteSize(max)}, such as 1048576 or \"512MiB\"",
        text => ParseSize(text) is { } value && value >= min && value <= max ? (true, value) : (false, 0),
        value => Quote(WriteSize(value)));

    /// <summary>A number of bytes, or nothing.</summary>
    public static SettingKind<long?> OptionalSize(long min, long max)
    {
        var kind = Size(min, max);
        return new(kind.Expected, text => kind.Parse(text), value => value is { } number ? kind.ToJson(number) : "null");
    }

    /// <summary>A device that computes.</summary>
    public static SettingKind<string> Device { get; } = new("auto, cpu, cuda, cuda:N, cuda:N,M, cuda:N-M or managed", text => (EngineOptions.IsDevice(text), text), Quote);

    /// <summary>One of a few words.</summary>
    public static SettingKind<string> Choice(params string[] words) => new(
        string.Join(" or ", words),
        text => (words.Contains(text, StringComparer.Ordinal), text),
        Quote);

    private static bool IsJsonObject(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object && JsonStrings.AreText(document.RootElement);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Quote(string? text) => text is null ? "null" : $"\"{JsonEncodedText.Encode(text)}\"";

    private static long? ParseSize(string text)
    {
        var shift = 0;
        foreach (var (suffix, bits) in Sizes)
        {
            if (text.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                (text, shift) = (text[..^suffix.Length].TrimEnd(), bits);
                break;
            }
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= long.MaxValue >> shift
            ? value << shift
            : null;
    }

    private static string WriteSize(long value)
    {
        var (suffix, shift) = Sizes.LastOrDefault(size => value >= 1L << size.Shift && (value & ((1L << size.Shift) - 1)) == 0);
        return suffix is null ? value.ToString(CultureInfo.InvariantCulture) : $"{value >> shift}{suffix}";
    }
}
