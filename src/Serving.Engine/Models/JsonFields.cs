using System.Text.Json;

namespace Serving.Engine.Models;

/// <summary>
/// The fields of one JSON object of a configuration file, read by name with their type and range checked. A field that is absent or null takes
/// its default. Text is strict JSON: no comments, no trailing commas, no field twice, at most <see cref="MaxDepth"/> deep.
/// </summary>
/// <param name="element">An object.</param>
/// <param name="path">Where it stands in the file, for messages; empty for the outermost.</param>
public sealed class JsonFields(JsonElement element, string path = "")
{
    /// <summary>Deepest nesting read; real configurations stay under 6.</summary>
    public const int MaxDepth = 16;

    /// <summary>Largest configuration file read; real ones are a few KiB.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>Parses a file's text.</summary>
    /// <exception cref="MalformedFileException">Not a JSON object within the limits.</exception>
    public static JsonFields Parse(ReadOnlyMemory<byte> text)
    {
        if (text.Length > MaxBytes)
        {
            throw new MalformedFileException($"larger than {MaxBytes} bytes");
        }

        var bytes = text.Span.StartsWith("\uFEFF"u8) ? text[3..] : text;
        try
        {
            var options = new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
            using var document = JsonDocument.Parse(bytes, options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                ReadEveryText(document.RootElement);
                return new JsonFields(document.RootElement.Clone());
            }
        }
        catch (JsonException e)
        {
            throw new MalformedFileException($"not valid JSON (line {(e.LineNumber ?? 0) + 1})", e);
        }
        catch (InvalidOperationException e)
        {
            // An escape that stands for half a character, or bytes that are not UTF-8: the parser accepts them and the text cannot be read.
            throw new MalformedFileException("not valid text", e);
        }

        throw new MalformedFileException("not a JSON object");
    }

    /// <summary>The object itself.</summary>
    public JsonElement Element => element;

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>The field's value, unless it is absent or null.</summary>
    public bool TryGet(string name, out JsonElement value)
    {
        return element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
    }

    /// <summary>A whole number within [<paramref name="min"/>, <paramref name="max"/>]; without a default the field is required.</summary>
    public int Int(string name, int min, int max, int? otherwise = null)
    {
        if (!TryGet(name, out var value))
        {
            return otherwise ?? throw Missing(name);
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max
            ? number
            : throw Wrong(name, $"a whole number from {min} to {max}");
    }

    /// <summary>A finite number within [<paramref name="min"/>, <paramref name="max"/>]; without a default the field is required.</summary>
    public double Number(string name, double min, double max, double? otherwise = null)
    {
        if (!TryGet(name, out var value))
        {
            return otherwise ?? throw Missing(name);
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max
            ? number
            : throw Wrong(name, FormattableString.Invariant($"a number from {min} to {max}"));
    }

    /// <summary>true or false.</summary>
    public bool Flag(string name, bool otherwise)
    {
        return !TryGet(name, out var value) ? otherwise : value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, "true or false"),
        };
    }

    /// <summary>A string, or the default.</summary>
    public string? Text(string name, string? otherwise = null)
    {
        return !TryGet(name, out var value) ? otherwise : StringOf(value) ?? throw Wrong(name, "a string");
    }

    /// <summary>A nested object, or null.</summary>
    public JsonFields? Object(string name)
    {
        return !TryGet(name, out var value) ? null
            : value.ValueKind == JsonValueKind.Object ? new JsonFields(value, Where(name)) : throw Wrong(name, "an object");
    }

    /// <summary>Whole numbers given as one number or as a list, at most <paramref name="most"/>; empty when absent.</summary>
    public IReadOnlyList<int> Ints(string name, int min, int max, int most)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return [Int(name, min, max)];
        }

        var numbers = new List<int>();
        foreach (var item in value.EnumerateArray())
        {
            if (numbers.Count == most || item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var number) || number < min || number > max)
            {
                throw Wrong(name, $"at most {most} whole numbers from {min} to {max}");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>A list of finite numbers within [<paramref name="min"/>, <paramref name="max"/>], at most <paramref name="most"/>; empty when absent.</summary>
    public IReadOnlyList<double> Numbers(string name, double min, double max, int most)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        var expected = FormattableString.Invariant($"a list of at most {most} numbers from {min} to {max}");
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > most)
        {
            throw Wrong(name, expected);
        }

        return [.. value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out var number) && number >= min && number <= max ? number : throw Wrong(name, expected))];
    }

    /// <summary>A list of strings, at most <paramref name="most"/>; empty when absent.</summary>
    public IReadOnlyList<string> Texts(string name, int most)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > most)
        {
            throw Wrong(name, $"a list of at most {most} strings");
        }

        return [.. value.EnumerateArray().Select(item => StringOf(item) ?? throw Wrong(name, "a list of strings"))];
    }

    /// <summary>The error for a field that does not hold what it should.</summary>
    public MalformedFileException Wrong(string name, string expected) => new($"{Where(name)} is not {expected}");

    private static string? StringOf(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Reads every name and string once, so that none fails later.</summary>
    private static void ReadEveryText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    ReadEveryText(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    ReadEveryText(item);
                }

                break;
            case JsonValueKind.String:
                _ = element.GetString();
                break;
        }
    }

    private MalformedFileException Missing(string name) => new($"{Where(name)} is missing");

    private string Where(string name) => path.Length == 0 ? name : path + "." + name;
}
