using System.Text.Json;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>A schema at its place in the document.</summary>
/// <param name="Element">true, false or an object of keywords.</param>
/// <param name="Base">What its references are relative to.</param>
/// <param name="Pointer">Its place, as a JSON pointer behind #, for messages and to tell it apart. What was made of a schema (a negation, a dependency) says so behind a ~.</param>
/// <param name="Field">The request's field that holds the document.</param>
internal sealed record SchemaNode(JsonElement Element, Uri Base, string Pointer, string Field)
{
    /// <summary>A pattern that a string must not match, besides what the element says.</summary>
    public string? ExcludedPattern { get; init; }

    /// <summary>Constants that the value must not equal, besides what the element says.</summary>
    public IReadOnlyList<JsonElement> Excluded { get; init; } = [];

    /// <summary>What tells it apart from other schemas: its text where that says everything, so that equal schemas share a rule; else its place.</summary>
    public string Key => _key ??= MakeKey();

    private string? _key;

    /// <summary>Whether it takes every value.</summary>
    public bool IsTrue => ExcludedPattern is null && Excluded.Count == 0
        && (Element.ValueKind == JsonValueKind.True || (Element.ValueKind == JsonValueKind.Object && Element.EnumerateObject().All(member => SchemaKeywords.IsAnnotation(member.Name))));

    /// <summary>Whether it takes no value.</summary>
    public bool IsFalse => Element.ValueKind == JsonValueKind.False;

    /// <summary>The value of a keyword, if it is there.</summary>
    public bool TryGet(string keyword, out JsonElement value)
    {
        if (Element.ValueKind == JsonValueKind.Object)
        {
            return Element.TryGetProperty(keyword, out value);
        }

        value = default;
        return false;
    }

    /// <summary>A schema below this one.</summary>
    public SchemaNode Child(JsonElement element, params ReadOnlySpan<string> path)
    {
        var pointer = Pointer;
        foreach (var step in path)
        {
            pointer += "/" + step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
        }

        return new SchemaNode(element, Base, pointer, Field);
    }

    /// <summary>A schema that was made of this one.</summary>
    /// <param name="json">Its text.</param>
    /// <param name="how">What was made of it.</param>
    public SchemaNode Made(string json, string how)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 4 * SchemaLimits.Depth });
            return new SchemaNode(document.RootElement.Clone(), Base, $"{Pointer}~{how}", Field);
        }
        catch (JsonException)
        {
            throw NotDone(string.Empty, "what follows from it is nested too deeply");
        }
    }

    /// <summary>What is wrong with a keyword here.</summary>
    public GrammarException Malformed(string keyword, string reason) => new($"{Field}: {Place(keyword)} {reason}.");

    /// <summary>What is right here, and not done.</summary>
    public GrammarException NotDone(string keyword, string? why = null) =>
        new($"{Field}: {Place(keyword)} is not supported{(why is null ? string.Empty : $": {why}")}.", isNotSupported: true);

    private string Place(string keyword) => $"{PlaceOf(Pointer)}/{keyword}";

    // ~0 and ~1 are part of a pointer, a ~ before a letter ends it.
    private static string PlaceOf(string pointer)
    {
        var end = pointer.IndexOf('~', StringComparison.Ordinal);
        while (end >= 0 && end + 1 < pointer.Length && pointer[end + 1] is '0' or '1')
        {
            end = pointer.IndexOf('~', end + 1);
        }

        return end < 0 ? pointer : pointer[..end];
    }

    private string MakeKey()
    {
        var text = Element.GetRawText();
        var isWhole = !text.Contains('$', StringComparison.Ordinal) && !text.Contains("\"id\"", StringComparison.Ordinal);
        return $"{(isWhole ? text : Pointer)}\u0000{ExcludedPattern}\u0000{string.Join('\u0000', Excluded.Select(constant => constant.GetRawText()))}";
    }
}
