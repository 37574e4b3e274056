using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What an answer is that has to call functions, or that may and then has to follow their schemas. Where the model may choose, any text is one that does not hold the mark by which the
/// model announces a call; behind the mark stands a call.
/// </summary>
internal sealed class ToolCallGrammar(ToolCallFormat format, GrammarBuilder builder)
{
    /// <summary>Most calls of one answer.</summary>
    private const int MaxCalls = 32;

    private readonly JsonGrammar _json = new(builder, JsonStyle.Spaced);

    /// <summary>The answers to a conversation.</summary>
    /// <exception cref="GrammarException">A function's schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(ChatPrompt chat)
    {
        var functions = chat.ShownTools!.Value.EnumerateArray()
            .Select((tool, index) => (Function: tool.GetProperty("function"), Field: $"tools[{index}].function.parameters"))
            .Where(tool => chat.Choice.Function is not { } only || tool.Function.GetProperty("name").ValueEquals(only));
        var call = builder.Add(Express.Choice([.. functions.Select(tool => Call(tool.Function, tool.Field))]));
        var several = chat.ParallelCalls && chat.Choice.Kind != ToolChoiceKind.Function;
        return chat.Choice.Kind == ToolChoiceKind.Auto ? Optional(call, several) : Calls(call, several);
    }

    private GrammarExpression Calls(GrammarExpression call, bool several) => Express.Concat(
        Express.Text(format.First),
        call,
        Express.Repeat(Express.Concat(Express.Text(format.Between), call), 0, several ? MaxCalls - 1 : 0),
        Express.Text(format.Last));

    // Text, then calls and text as long as it goes on. A model whose calls nothing announces makes them at the beginning, so that an answer that begins like one is one.
    private GrammarExpression Optional(GrammarExpression call, bool several)
    {
        var text = Without(Express.AnyText, Express.Concat(Express.AnyText, Express.Text(format.Marker), Express.AnyText));
        if (format.IsBare)
        {
            var space = Express.Repeat(Express.Character(CharacterSet.OfCharacters(' ', '\t', '\r', '\n')), 0, null);
            return Express.Choice(Calls(call, several), Without(text, Express.Concat(space, Express.Text("{"), Express.AnyText)));
        }

        var free = builder.Add(text);
        return format.IsList
            ? Express.Concat(free, Express.Optional(Calls(call, several)))
            : Express.Concat(free, Express.Repeat(Express.Concat(call, free), 0, several ? MaxCalls : 1));
    }

    private GrammarExpression Call(JsonElement function, string field) => Express.Concat(
        Express.Text(format.Before + format.Head(function.GetProperty("name").GetString()!)),
        Arguments(function, field),
        Express.Text(format.Close + format.After));

    // A function without parameters has none. One that is not strict and whose schema is of a kind that is not done is called with any object, as it would be without a demand.
    private GrammarExpression Arguments(JsonElement function, string field)
    {
        if (!function.TryGetProperty("parameters", out var schema) || schema.ValueKind == JsonValueKind.Null)
        {
            return Express.Text("{}");
        }

        try
        {
            return JsonSchemaGrammar.Read(AsObject(schema, field), builder, field);
        }
        catch (GrammarException exception) when (exception.IsNotSupported && !ToolRules.IsStrict(function))
        {
            return _json.Object;
        }
    }

    // Arguments are an object, whether or not the schema says so.
    private static JsonElement AsObject(JsonElement schema, string field)
    {
        var node = JsonObject.Create(schema)!;
        if (node["type"] is { } type && !(type is JsonArray several ? several : [type.DeepClone()]).Any(static one => one is JsonValue && one.GetValueKind() == JsonValueKind.String && one.GetValue<string>() == "object"))
        {
            throw new GrammarException($"{field}: a function's arguments are an object.");
        }

        node["type"] = "object";
        return JsonSerializer.SerializeToElement(node);
    }

    private static ExceptExpression Without(GrammarExpression from, GrammarExpression without) => new(from, without);
}
