using System.Text.Json;

namespace Serving.Engine.Tokenization.Format;

/// <summary>A JSON value that knows its path, so that what is wrong with it can be said; every getter refuses with a typed exception.</summary>
internal readonly struct JsonView
{
    private readonly JsonElement _element;
    private readonly string _path;

    public JsonView(JsonElement element, string path)
    {
        _element = element;
        _path = path;
    }

    public JsonValueKind Kind => _element.ValueKind;

    public bool IsString => Kind == JsonValueKind.String;

    public bool IsArray => Kind == JsonValueKind.Array;

    public bool IsObject => Kind == JsonValueKind.Object;

    public bool IsNumber => Kind == JsonValueKind.Number;

    public int Count => IsArray ? _element.GetArrayLength() : throw Fail("must be an array");

    /// <summary>Parses a whole document; the caller disposes it after the last view.</summary>
    public static JsonDocument Document(ReadOnlySpan<byte> utf8, string file, int maxBytes)
    {
        if (utf8.Length > maxBytes)
        {
            throw new TokenizerFormatException($"{file}: {utf8.Length} bytes are more than the {maxBytes} that are read");
        }

        try
        {
            return JsonDocument.Parse(utf8.ToArray(), new JsonDocumentOptions { MaxDepth = TokenizerLimits.JsonDepth });
        }
        catch (JsonException e)
        {
            throw new TokenizerFormatException($"{file}: not JSON: {e.Message}", e);
        }
    }

    /// <summary>An exception that names this value.</summary>
    public TokenizerFormatException Fail(string reason) => new($"{_path}: {reason}");

    /// <summary>The member of that name; false when this is no object, or the member is absent or null.</summary>
    public bool TryGet(string name, out JsonView value)
    {
        if (IsObject && _element.TryGetProperty(name, out var child) && child.ValueKind != JsonValueKind.Null)
        {
            value = new JsonView(child, $"{_path}.{name}");
            return true;
        }

        value = default;
        return false;
    }

    public JsonView Get(string name) => TryGet(name, out var value) ? value : throw Fail($"{name} is missing");

    public string AsString()
    {
        if (!IsString)
        {
            throw Fail("must be a string");
        }

        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new TokenizerFormatException($"{_path}: the string is not valid Unicode", e);
        }
    }

    /// <summary>A string of at most as many UTF-16 units as a token may have.</summary>
    public string AsToken()
    {
        var text = AsString();
        return text.Length <= TokenizerLimits.TokenChars ? text : throw Fail($"{text.Length} characters are too many");
    }

    public int AsInt(int exclusiveMax) =>
        Kind == JsonValueKind.Number && _element.TryGetInt32(out var value) && value >= 0 && value < exclusiveMax
            ? value
            : throw Fail($"must be a whole number from 0 to {exclusiveMax - 1}");

    /// <summary>Whether this is the number zero.</summary>
    public bool IsZero() => Kind == JsonValueKind.Number && _element.TryGetDouble(out var value) && value == 0;

    public bool AsBool() => Kind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Fail("must be true or false"),
    };

    public string String(string name) => Get(name).AsString();

    public string? OptionalString(string name) => TryGet(name, out var value) ? value.AsString() : null;

    public bool Bool(string name, bool absent) => TryGet(name, out var value) ? value.AsBool() : absent;

    public int Int(string name, int exclusiveMax) => Get(name).AsInt(exclusiveMax);

    public int Int(string name, int exclusiveMax, int absent) => TryGet(name, out var value) ? value.AsInt(exclusiveMax) : absent;

    public IEnumerable<JsonView> Items()
    {
        if (!IsArray)
        {
            throw Fail("must be an array");
        }

        return Enumerate(_element, _path);

        static IEnumerable<JsonView> Enumerate(JsonElement array, string path)
        {
            foreach (var item in array.EnumerateArray())
            {
                yield return new JsonView(item, path);
            }
        }
    }

    /// <summary>The members in the file's order, with duplicates.</summary>
    public IEnumerable<(string Name, JsonView Value)> Members()
    {
        if (!IsObject)
        {
            throw Fail("must be an object");
        }

        return Enumerate(_element, _path);

        static IEnumerable<(string Name, JsonView Value)> Enumerate(JsonElement value, string path)
        {
            foreach (var member in value.EnumerateObject())
            {
                yield return (NameOf(member, path), new JsonView(member.Value, path));
            }
        }
    }

    private static string NameOf(JsonProperty member, string path)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new TokenizerFormatException($"{path}: a member's name is not valid Unicode", e);
        }
    }
}
