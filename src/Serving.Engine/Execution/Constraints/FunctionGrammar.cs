using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution.Constraints;

/// <summary>A function that an answer may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Its schema; null where it has none.</param>
/// <param name="IsStrict">Whether its arguments follow the schema in any case.</param>
/// <param name="Field">The schema's place in the request.</param>
/// <param name="Format">What the text has to be of one that stands for a custom tool; null for any arguments by the schema.</param>
internal sealed record CallableFunction(string Name, JsonElement? Parameters, bool IsStrict, string Field, CustomFormat? Format);

/// <summary>
/// What a function's arguments are. One without parameters has none. One that is not strict and whose schema is of a kind that is not done is called with any object, as it would be without a demand.
/// </summary>
internal sealed class FunctionGrammar(GrammarBuilder builder)
{
    private readonly JsonGrammar _json = new(builder, JsonStyle.Spaced);

    /// <summary>The functions that a chat's answers may call.</summary>
    public static IEnumerable<CallableFunction> Callable(ChatPrompt chat) => chat.ShownTools!.Value.EnumerateArray().Zip(chat.ShownFunctions!.Value.EnumerateArray())
        .Select(static (tool, index) => Read(tool.First, tool.Second.GetProperty("function"), $"tools[{index}]"))
        .Where(function => chat.Choice.Function is not { } only || function.Name == only);

    /// <summary>The arguments of a function, as one JSON object.</summary>
    /// <exception cref="GrammarException">Its schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Arguments(CallableFunction function)
    {
        if (function.Format is { } format)
        {
            return _json.InBrackets('{', '}', _json.Member(Express.Text(WrittenStrings.Quote(CustomTools.Parameter)), CustomInputGrammar.Quoted(format, builder)), isOptional: false);
        }

        if (function.Parameters is not { } schema)
        {
            return Express.Text("{}");
        }

        try
        {
            return JsonSchemaGrammar.Read(AsObject(schema, function.Field), builder, function.Field);
        }
        catch (GrammarException exception) when (exception.IsNotSupported && !function.IsStrict)
        {
            return _json.Object;
        }
    }

    /// <summary>A function's schema as that of an object, whether or not it says so.</summary>
    /// <exception cref="GrammarException">It says that it is something else.</exception>
    public static JsonElement AsObject(JsonElement schema, string field)
    {
        var node = JsonObject.Create(schema)!;
        if (node["type"] is { } type && !(type is JsonArray several ? several : [type.DeepClone()]).Any(static one => one is JsonValue && one.GetValueKind() == JsonValueKind.String && one.GetValue<string>() == "object"))
        {
            throw new GrammarException($"{field}: a function's arguments are an object.");
        }

        node["type"] = "object";
        return JsonSerializer.SerializeToElement(node);
    }

    private static CallableFunction Read(JsonElement tool, JsonElement function, string field) => new(
        function.GetProperty("name").GetString()!,
        function.TryGetProperty("parameters", out var schema) && schema.ValueKind != JsonValueKind.Null ? schema : null,
        ToolRules.IsStrict(tool),
        field + ".function.parameters",
        CustomTools.FormatOf(tool, field));
}
