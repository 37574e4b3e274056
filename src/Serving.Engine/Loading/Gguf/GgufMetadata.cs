using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A file's metadata: values by key, read with their type checked. What is absent is null.</summary>
internal sealed class GgufMetadata(IReadOnlyDictionary<string, object> values)
{
    /// <summary>All keys.</summary>
    public IEnumerable<string> Keys => values.Keys;

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => values.ContainsKey(key);

    /// <summary>Whether a key's value is a list of numbers.</summary>
    public bool IsList(string key) => values.GetValueOrDefault(key) is double[];

    /// <summary>A text.</summary>
    public string? Text(string key) => Reference<string>(key, "a text");

    /// <summary>true or false.</summary>
    public bool? Flag(string key) => Value<bool>(key, "true or false");

    /// <summary>A whole number of any width.</summary>
    public long? Integer(string key) => Value<long>(key, "a whole number");

    /// <summary>A finite number, whole or not.</summary>
    public double? Number(string key) => values.GetValueOrDefault(key) is long whole ? whole
        : Value<double>(key, "a number") is not { } number || double.IsFinite(number) ? Value<double>(key, "a number") : throw Wrong(key, "a finite number");

    /// <summary>A list of texts.</summary>
    public string[]? Texts(string key) => Reference<string[]>(key, "a list of texts");

    /// <summary>A list of whole numbers.</summary>
    public long[]? Integers(string key) => Reference<long[]>(key, "a list of whole numbers");

    /// <summary>A list of true and false.</summary>
    public bool[]? Flags(string key) => Reference<bool[]>(key, "a list of true and false");

    /// <summary>A list of numbers.</summary>
    public double[]? Numbers(string key) => Reference<double[]>(key, "a list of numbers");

    /// <summary>A whole number that is the same for every layer, given once or as a list.</summary>
    public long? SameInteger(string key)
    {
        if (values.GetValueOrDefault(key) is not long[] list)
        {
            return Integer(key);
        }

        return list.Length > 0 && Array.TrueForAll(list, value => value == list[0]) ? list[0] : throw new MalformedFileException($"{key} that differs by layer is not supported");
    }

    /// <summary>The error for a key that has to be there.</summary>
    public static MalformedFileException Missing(string key) => new($"{key} is missing");

    private T? Value<T>(string key, string expected)
        where T : struct => values.TryGetValue(key, out var value) ? value as T? ?? throw Wrong(key, expected) : null;

    private T? Reference<T>(string key, string expected)
        where T : class => values.TryGetValue(key, out var value) ? value as T ?? throw Wrong(key, expected) : null;

    private static MalformedFileException Wrong(string key, string expected) => new($"{key} is not {expected}");
}
