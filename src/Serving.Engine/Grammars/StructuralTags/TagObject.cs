using System.Text.Json;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.StructuralTags;

/// <summary>A JSON object of a structural tag and its place in the request. What is missing or of another type is refused by its place.</summary>
/// <param name="value">The object.</param>
/// <param name="path">Its place.</param>
internal readonly struct TagObject(JsonElement value, string path)
{
    /// <summary>Its place.</summary>
    public string Path => path;

    /// <summary>Its type.</summary>
    public string Type => Text("type");

    /// <summary>An object somewhere.</summary>
    public static TagObject Of(JsonElement value, string path) => value.ValueKind == JsonValueKind.Object ? new TagObject(value, path) : throw Malformed(path, "is an object");

    /// <summary>What is wrong at a place.</summary>
    public static GrammarException Malformed(string path, string what) => new($"{path}: {what}.");

    /// <summary>Whether a property is there, and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>The place of a property.</summary>
    public string PathOf(string name) => $"{path}.{name}";

    /// <summary>A property.</summary>
    public JsonElement Value(string name) => Find(name) ?? throw Malformed(PathOf(name), "is missing");

    /// <summary>A property that is an object.</summary>
    public TagObject Object(string name) => Of(Value(name), PathOf(name));

    /// <summary>A property that is a text.</summary>
    public string Text(string name) => Value(name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : throw Malformed(PathOf(name), "is a string");

    /// <summary>A property that is a text, not an empty one.</summary>
    public string Mark(string name) => Text(name) is { Length: > 0 } text ? text : throw Malformed(PathOf(name), "is empty");

    /// <summary>A property that says yes or no; no where it is missing.</summary>
    public bool Flag(string name) => Find(name) switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.True } => true,
        _ => throw Malformed(PathOf(name), "is true or false"),
    };

    /// <summary>A property that is a list of objects, of one at least.</summary>
    public IReadOnlyList<TagObject> Objects(string name)
    {
        var at = PathOf(name);
        return [.. List(name).Select((item, index) => Of(item, $"{at}[{index}]"))];
    }

    /// <summary>A property that is a list of texts, none of them empty; one alone may stand without a list.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="isOptional">Whether it may be missing, which is none.</param>
    public IReadOnlyList<string> Marks(string name, bool isOptional = false)
    {
        if (isOptional && !Has(name))
        {
            return [];
        }

        if (Value(name).ValueKind == JsonValueKind.String)
        {
            return [Mark(name)];
        }

        var at = PathOf(name);
        return [.. List(name, isOptional).Select((item, index) => item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 } text ? text : throw Malformed($"{at}[{index}]", "is a string, not an empty one"))];
    }

    private JsonElement? Find(string name) => value.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    private IEnumerable<JsonElement> List(string name, bool mayBeEmpty = false) =>
        Value(name) is { ValueKind: JsonValueKind.Array } list && (mayBeEmpty || list.GetArrayLength() > 0) ? list.EnumerateArray() : throw Malformed(PathOf(name), "is a list of one at least");
}
