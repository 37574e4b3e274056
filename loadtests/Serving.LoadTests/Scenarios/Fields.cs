using System.Text.Json;
using Serving.Server.Configuration;

namespace Serving.LoadTests.Scenarios;

/// <summary>
/// The fields of one JSON object of a scenario file, each asked for once. What is missing, of the wrong kind, out of range or unknown is collected, with the path to it, and a
/// default takes its place, so that one reading reports everything.
/// </summary>
internal sealed class Fields
{
    private readonly Dictionary<string, JsonElement> _values = [];
    private readonly HashSet<string> _known = [];
    private readonly string _path;
    private readonly List<string> _errors;

    /// <summary>The fields of an object.</summary>
    /// <param name="element">The object; anything else is an error and has no fields.</param>
    /// <param name="path">Where it stands.</param>
    /// <param name="errors">Receives what is wrong.</param>
    public Fields(JsonElement element, string path, List<string> errors)
    {
        (_path, _errors) = (path, errors);
        if (element.ValueKind != JsonValueKind.Object)
        {
            Complain("", "must be an object");
            return;
        }

        foreach (var field in element.EnumerateObject())
        {
            if (!_values.TryAdd(field.Name, field.Value))
            {
                Complain(field.Name, "stands there twice");
            }
        }
    }

    /// <summary>A number within bounds, or the default; without a default it must be there.</summary>
    public double Number(string name, double min, double max, double? otherwise = null)
    {
        if (Find(name, otherwise is not null) is not { } value)
        {
            return otherwise ?? min;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max)
        {
            return number;
        }

        Complain(name, FormattableString.Invariant($"must be a number from {min} to {max}"));
        return otherwise ?? min;
    }

    /// <summary>A whole number within bounds, or the default; without a default it must be there.</summary>
    public int Whole(string name, int min, int max, int? otherwise = null)
    {
        if (Find(name, otherwise is not null) is not { } value)
        {
            return otherwise ?? min;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max)
        {
            return number;
        }

        Complain(name, FormattableString.Invariant($"must be a whole number from {min} to {max}"));
        return otherwise ?? min;
    }

    /// <summary>A text, or the default; without a default it must be there.</summary>
    public string Text(string name, string? otherwise = null)
    {
        if (Find(name, otherwise is not null) is not { } value)
        {
            return otherwise ?? "";
        }

        if (value.ValueKind == JsonValueKind.String && Safely(value) is { } text)
        {
            return text;
        }

        Complain(name, "must be a text");
        return otherwise ?? "";
    }

    /// <summary>One of some words, or the default; without a default it must be there.</summary>
    public string Word(string name, IReadOnlyList<string> words, string? otherwise = null)
    {
        var word = Text(name, otherwise);
        if (words.Contains(word) || (otherwise is null && !Has(name)))
        {
            return word;
        }

        Complain(name, $"must be one of {string.Join(", ", words)}{Suggestion.For(Cut(word), words)}");
        return otherwise ?? words[0];
    }

    /// <summary>True or false, or the default.</summary>
    public bool Switch(string name, bool otherwise)
    {
        switch (Find(name, optional: true)?.ValueKind)
        {
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case null:
                return otherwise;
            default:
                Complain(name, "must be true or false");
                return otherwise;
        }
    }

    /// <summary>An object's or any other value, if it is there.</summary>
    public JsonElement? Value(string name, bool optional) => Find(name, optional);

    /// <summary>The elements of a list; none when it is not there.</summary>
    public IReadOnlyList<JsonElement> List(string name, bool optional)
    {
        if (Find(name, optional) is not { } value)
        {
            return [];
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            return [.. value.EnumerateArray()];
        }

        Complain(name, "must be a list");
        return [];
    }

    /// <summary>The names of all fields: for objects whose keys are names.</summary>
    public IReadOnlyList<string> Names()
    {
        _known.UnionWith(_values.Keys);
        return [.. _values.Keys];
    }

    /// <summary>The path to a field.</summary>
    public string PathOf(string name) => _path.Length == 0 ? name : name.Length == 0 ? _path : $"{_path}.{name}";

    /// <summary>Whether it is there.</summary>
    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>Reports something wrong with a field.</summary>
    public void Complain(string name, string what) => _errors.Add($"{Cut(PathOf(name) is { Length: > 0 } path ? path : "the file")}: {what}");

    /// <summary>Reports fields that nobody asked for.</summary>
    public void Done()
    {
        foreach (var name in _values.Keys.Where(name => !_known.Contains(name)))
        {
            Complain(name, $"is not known{Suggestion.For(Cut(name), _known)}");
        }
    }

    // What comes from a file is repeated in a message, and compared with known words, up to a length that a line can show.
    private static string Cut(string text) => text.Length <= 100 ? text : text[..100] + "…";

    // A lone surrogate, which JSON can write, is no text.
    private static string? Safely(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private JsonElement? Find(string name, bool optional)
    {
        _known.Add(name);
        if (_values.TryGetValue(name, out var value))
        {
            return value;
        }

        if (!optional)
        {
            Complain(name, "is missing");
        }

        return null;
    }
}
