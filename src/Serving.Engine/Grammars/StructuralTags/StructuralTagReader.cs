using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Grammars.Notations;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.StructuralTags;

/// <summary>
/// Reads structural tags, XGrammar's and by them vLLM's and SGLang's: free text in which a tag's beginning is followed by its content and its end. A tag's content is a schema, a pattern, a grammar, text, or tags again; the older form,
/// of structures and triggers, is tags of schemas. Text before a tag holds no trigger, and text in a tag not its end.
/// </summary>
internal sealed class StructuralTagReader
{
    /// <summary>Deepest nesting of formats.</summary>
    private const int MaxDepth = 24;

    private readonly GrammarBuilder _builder;
    private int _depth;

    private StructuralTagReader(GrammarBuilder builder) => _builder = builder;

    /// <summary>Reads one.</summary>
    /// <param name="tag">The structural tag.</param>
    /// <param name="builder">Gets its rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression Read(JsonElement tag, GrammarBuilder builder, string field)
    {
        var (root, reader) = (TagObject.Of(tag, field), new StructuralTagReader(builder));
        return root.Has("format") ? reader.ReadFormat(root.Object("format"), []) : reader.ReadStructures(root);
    }

    private GrammarExpression ReadStructures(TagObject root)
    {
        var triggers = root.Marks("triggers");
        var tags = root.Objects("structures").Select(structure => ReadTag(
            structure, triggers, (at, _) => JsonSchemaGrammar.Read(at.Value("schema"), _builder, at.PathOf("schema"))));
        return Triggered(triggers, [.. tags], 0, null);
    }

    private GrammarExpression ReadFormat(TagObject at, IReadOnlyList<string> ends)
    {
        if (++_depth > MaxDepth)
        {
            throw TagObject.Malformed(at.Path, $"formats are nested more than {MaxDepth} deep");
        }

        var expression = at.Type switch
        {
            "const_string" => Express.Text(at.Mark("value")),
            "json_schema" => ReadSchema(at),
            "regex" => PatternReader.ReadWhole(at.Text("pattern"), at.PathOf("pattern")),
            "grammar" => GrammarNotation.Read(at.Text("grammar"), _builder, at.PathOf("grammar")),
            "any_text" => Without([.. at.Marks("excludes", isOptional: true), .. ends]),
            "sequence" => Express.Concat([.. at.Objects("elements").Select(element => ReadFormat(element, ends))]),
            "or" => Express.Choice([.. at.Objects("elements").Select(element => ReadFormat(element, ends))]),
            "tag" => ReadTag(at, null, ReadContent),
            "triggered_tags" => ReadTriggered(at, ends),
            "tags_with_separator" => ReadSeparated(at),
            var other => throw new GrammarException($"{at.PathOf("type")}: {Short(other)} is not supported.", isNotSupported: true),
        };
        _depth--;
        return expression;
    }

    private GrammarExpression ReadSchema(TagObject at) => !at.Has("style") || at.Text("style") == "json"
        ? JsonSchemaGrammar.Read(at.Value("json_schema"), _builder, at.PathOf("json_schema"))
        : throw new GrammarException($"{at.PathOf("style")}: only json is supported.", isNotSupported: true);

    private GrammarExpression ReadContent(TagObject tag, IReadOnlyList<string> ends) => ReadFormat(tag.Object("content"), ends);

    // With triggers the beginning has to begin with one of them: behind anything else nobody would look for it.
    private GrammarExpression ReadTag(TagObject at, IReadOnlyList<string>? triggers, Func<TagObject, IReadOnlyList<string>, GrammarExpression> content)
    {
        var (begin, ends) = (at.Mark("begin"), at.Marks("end"));
        return triggers?.Any(trigger => begin.StartsWith(trigger, StringComparison.Ordinal)) == false
            ? throw TagObject.Malformed(at.PathOf("begin"), "begins with none of the triggers")
            : _builder.Add(Express.Concat(Express.Text(begin), content(at, ends), Express.Choice([.. ends.Select(Express.Text)])));
    }

    private GrammarExpression ReadTriggered(TagObject at, IReadOnlyList<string> ends)
    {
        var triggers = at.Marks("triggers");
        var tags = at.Objects("tags").Select(tag => ReadTag(tag, triggers, ReadContent)).ToList();
        return Triggered([.. triggers, .. at.Marks("excludes", isOptional: true), .. ends], tags, at.Flag("at_least_one") ? 1 : 0, at.Flag("stop_after_first") ? 1 : null);
    }

    private GrammarExpression ReadSeparated(TagObject at)
    {
        var one = Express.Choice([.. at.Objects("tags").Select(tag => ReadTag(tag, null, ReadContent))]);
        var several = at.Flag("stop_after_first") ? one : Express.Concat(one, Express.Repeat(Express.Concat(Express.Text(at.Text("separator")), one), 0, null));
        return at.Flag("at_least_one") ? several : Express.Optional(several);
    }

    // Text and tags in turns; where one tag is the last thing, no text behind it.
    private GrammarExpression Triggered(IReadOnlyList<string> marks, IReadOnlyList<GrammarExpression> tags, int least, int? most)
    {
        var text = Without(marks);
        var tagged = Express.Repeat(Express.Concat(text, Express.Choice(tags)), least, most);
        return most is null ? Express.Concat(tagged, text) : least > 0 ? tagged : Express.Choice(tagged, text);
    }

    // Any text that holds none of some texts.
    private GrammarExpression Without(IReadOnlyList<string> marks) => marks.Count == 0
        ? Express.AnyText
        : _builder.Add(new ExceptExpression(Express.AnyText, Express.Concat(Express.AnyText, Express.Choice([.. marks.Select(Express.Text)]), Express.AnyText)));

    private static string Short(string text) => text.Length <= 40 ? text : text[..40];
}
