using System.Text;
using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>What stands behind a colon in a grammar of Lark's.</summary>
/// <param name="cursor">The grammar's text.</param>
/// <param name="rules">Its rules.</param>
/// <param name="builder">Gets rules of schemas.</param>
/// <param name="ignored">What may stand behind every terminal; null is nothing.</param>
internal sealed class LarkExpansions(NotationCursor cursor, NamedRules rules, GrammarBuilder builder, RuleExpression? ignored)
{
    // In a terminal nothing is ignored between its parts.
    private bool _isTerminal;

    /// <summary>What may stand behind every terminal of a rule.</summary>
    public RuleExpression? Ignored => ignored;

    /// <summary>Reads a definition up to the next one.</summary>
    public GrammarExpression ReadDefinition(bool isTerminal)
    {
        _isTerminal = isTerminal;
        var expression = ReadChoice(0);
        return cursor.IsAtEnd || LarkNames.IsAtDefinition(cursor) ? expression : throw cursor.Malformed("neither a value nor the next definition");
    }

    private GrammarExpression ReadChoice(int depth)
    {
        if (depth > NotationLimits.Depth)
        {
            throw cursor.Malformed($"groups are nested more than {NotationLimits.Depth} deep");
        }

        var options = new List<GrammarExpression>();
        do
        {
            options.Add(ReadSequence(depth));
        }
        while (cursor.Take("|"));
        return Express.Choice(options);
    }

    private GrammarExpression ReadSequence(int depth)
    {
        var parts = new List<GrammarExpression>();
        cursor.SkipSpace();
        while (!cursor.IsAtEnd && cursor.Next is not ('|' or ')' or ']') && !cursor.StandsHere("->") && !LarkNames.IsAtDefinition(cursor))
        {
            parts.Add(ReadRepeated(depth));
            cursor.SkipSpace();
        }

        if (cursor.Take("->"))
        {
            cursor.SkipSpace();
            _ = LarkNames.Take(cursor) ?? throw cursor.Malformed("an alias is missing");
            cursor.SkipSpace();
        }

        return Express.Concat(parts);
    }

    private GrammarExpression ReadRepeated(int depth)
    {
        var expression = ReadAtom(depth);
        cursor.SkipSpace();
        if (cursor.Take("*"))
        {
            return Express.Repeat(expression, 0, null);
        }

        if (cursor.Take("+"))
        {
            return Express.Repeat(expression, 1, null);
        }

        // A rule that is marked with ? may begin on the next line.
        if (cursor.Next == '?' && !LarkNames.IsAtDefinition(cursor))
        {
            cursor.Take("?");
            return Express.Optional(expression);
        }

        return cursor.Take("~") ? ReadTimes(expression) : expression;
    }

    private GrammarExpression ReadTimes(GrammarExpression expression)
    {
        cursor.SkipSpace();
        var least = cursor.TakeNumber() ?? throw cursor.Malformed("a number of times is missing");
        cursor.SkipSpace();
        var most = least;
        if (cursor.Take(".."))
        {
            cursor.SkipSpace();
            most = cursor.TakeNumber() ?? throw cursor.Malformed("a number of times is missing");
        }

        (least, _) = NotationRepeats.Checked(least, most, cursor);
        return Express.Repeat(expression, least, most);
    }

    private GrammarExpression ReadAtom(int depth)
    {
        switch (cursor.Next)
        {
            case '(':
                return ReadGroup(depth, ")");
            case '[':
                return Express.Optional(ReadGroup(depth, "]"));
            case '"':
                return Terminal(ReadText());
            case '/':
                return Terminal(ReadPattern());
            case '<':
                throw cursor.NotDone("a token by its number or name");
            case '%':
                return ReadSchema();
        }

        var name = LarkNames.Take(cursor) ?? throw cursor.Malformed("neither a value nor the next definition");
        if (cursor.Next == '{')
        {
            throw cursor.NotDone("a template");
        }

        return LarkNames.IsTerminal(name) ? Terminal(rules.Refer(name)) : rules.Refer(name);
    }

    private GrammarExpression ReadGroup(int depth, string close)
    {
        cursor.TakeCharacter();
        var inner = ReadChoice(depth + 1);
        return cursor.Take(close) ? inner : throw cursor.Malformed(close == ")" ? "a parenthesis is not closed" : "a bracket is not closed");
    }

    private GrammarExpression Terminal(GrammarExpression expression) => ignored is null || _isTerminal ? expression : Express.Concat(expression, ignored);

    // A text, or a range of characters between two of one character each.
    private GrammarExpression ReadText()
    {
        cursor.Take("\"");
        var text = NotationTexts.ReadQuoted(cursor, '"');
        if (cursor.Take("i"))
        {
            return LetterCases.Both(Express.Text(text));
        }

        var start = cursor.At;
        cursor.SkipSpace();
        if (!cursor.Take(".."))
        {
            cursor.Return(start);
            return Express.Text(text);
        }

        cursor.SkipSpace();
        return cursor.Take("\"") && Single(text) is { } first && Single(NotationTexts.ReadQuoted(cursor, '"')) is { } last && first <= last
            ? Express.Character(CharacterSet.Of((first, last)))
            : throw cursor.Malformed("a range is between two characters, the lower one first");
    }

    private static int? Single(string text) => Rune.TryGetRuneAt(text.Length > 0 ? text : "\0", 0, out var rune) && rune.Utf16SequenceLength == text.Length ? rune.Value : null;

    private GrammarExpression ReadPattern()
    {
        var place = cursor.Place;
        cursor.Take("/");
        var pattern = new StringBuilder();
        while (!cursor.Take("/"))
        {
            if (cursor.IsAtEnd || cursor.Next == '\n')
            {
                throw cursor.Malformed("a pattern does not end");
            }

            // A slash has a backslash before it, which is not the pattern's.
            if (!cursor.StandsHere("\\/") && cursor.Next == '\\')
            {
                pattern.Append(new Rune(cursor.TakeCharacter()));
            }
            else if (cursor.Next == '\\')
            {
                cursor.TakeCharacter();
            }

            pattern.Append(new Rune(cursor.TakeCharacter()));
        }

        var flags = cursor.TakeWhile(char.IsAsciiLetter);
        if (flags.AsSpan().ContainsAnyExcept("isu"))
        {
            throw cursor.NotDone("a pattern with other flags than i, s and u");
        }

        var expression = PatternReader.ReadWhole(pattern.ToString(), $"{cursor.Field}: line {place.Line}, column {place.Column}", flags.Contains('s', StringComparison.Ordinal));
        return flags.Contains('i', StringComparison.Ordinal) ? LetterCases.Both(expression) : expression;
    }

    // llguidance's: a schema in the middle of a rule.
    private GrammarExpression ReadSchema()
    {
        if (!cursor.Take("%json"))
        {
            throw cursor.NotDone("a statement inside a rule");
        }

        cursor.SkipSpace();
        var place = cursor.Place;
        if (JsonAhead.Take(cursor) is not { } schema)
        {
            throw cursor.Malformed("a schema is a JSON object");
        }

        return Terminal(JsonSchemaGrammar.Read(schema, builder, $"{cursor.Field}: line {place.Line}"));
    }
}
