using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// What the parameters of a function are that a model writes one by one: those of the schema, in its order; texts as they are, without the closing mark, others as JSON. A function that is not strict and whose
/// schema is of a kind that is not done gets any values for the parameters that it describes.
/// </summary>
internal sealed class ParameterGrammar(ParameterStyle style, GrammarBuilder builder)
{
    private readonly JsonGrammar _json = new(builder, JsonStyle.Spaced);

    // Where a format is written with a line break or without, by models that differ in nothing else.
    private readonly GrammarExpression _break = style.IsPadded ? Express.Text("\n") : Express.Optional(Express.Text("\n"));

    /// <summary>The parameters of a function, and the mark behind them.</summary>
    /// <exception cref="GrammarException">Its schema is malformed, or is demanded and not supported.</exception>
    public GrammarExpression Of(CallableFunction function) =>
        Express.Concat([_break, .. Parameters(function).Select(parameter => parameter.IsRequired ? parameter.Text : Express.Optional(parameter.Text)), Express.Text(style.End)]);

    private IReadOnlyList<(GrammarExpression Text, bool IsRequired)> Parameters(CallableFunction function)
    {
        if (function.Parameters is not { } given)
        {
            return [];
        }

        var schema = FunctionGrammar.AsObject(given, function.Field);
        try
        {
            if (Properties(schema).FirstOrDefault(property => !CanWrite(property.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } odd)
            {
                throw new GrammarException($"{function.Field}: this model's calls cannot have a parameter of the name {WrittenStrings.Quote(odd.Name)}.", isNotSupported: true);
            }

            var parameters = ParameterSchemas.Of(schema, value => ParameterKinds.Of(value, schema) != ParameterKind.Json, builder, function.Field);
            var kinds = Properties(schema).Select(property => ParameterKinds.Of(property.Value, schema));
            return [.. parameters.Zip(kinds, (parameter, kind) => (Parameter(parameter.Name, kind, parameter.Value), parameter.IsRequired))];
        }
        catch (GrammarException exception) when (exception.IsNotSupported && !function.IsStrict)
        {
            return Any(schema);
        }
    }

    private List<(GrammarExpression Text, bool IsRequired)> Any(JsonElement schema) =>
    [
        .. Properties(schema).Where(property => CanWrite(property.Name)).DistinctBy(static property => property.Name).Select(property =>
        {
            var kind = ParameterKinds.Of(property.Value, schema);
            return (Parameter(property.Name, kind, kind == ParameterKind.Json ? _json.Value : Express.AnyText), false);
        }),
    ];

    private static IReadOnlyList<JsonProperty> Properties(JsonElement schema) =>
        schema.TryGetProperty("properties", out var described) && described.ValueKind == JsonValueKind.Object ? [.. described.EnumerateObject()] : [];

    // A name that its own mark could not be told from.
    private bool CanWrite(string name) =>
        name.Length is > 0 and <= ParameterCallReader.MaxKeyLength && !name.Contains(style.KeyClose[0], StringComparison.Ordinal) && !name.AsSpan().ContainsAny("<>\n");

    private GrammarExpression Parameter(string name, ParameterKind kind, GrammarExpression value)
    {
        return kind switch
        {
            ParameterKind.Json => Written(name, style.KeyClose, value),
            ParameterKind.Text => Written(name, TextKeyClose, Unmarked(value)),
            _ when style.TextKeyClose.Length > 0 => Express.Choice(Written(name, style.TextKeyClose, Unmarked(value)), Written(name, style.KeyClose, Express.Text(ParameterValue.Null))),
            _ => Written(name, style.KeyClose, Express.Choice(Unmarked(new ExceptExpression(value, Express.Text(ParameterValue.Null))), Express.Text(ParameterValue.Null))),
        };
    }

    private string TextKeyClose => style.TextKeyClose.Length > 0 ? style.TextKeyClose : style.KeyClose;

    private GrammarExpression Unmarked(GrammarExpression text) =>
        builder.Add(new ExceptExpression(text, Express.Concat(Express.AnyText, Express.Text(style.ValueClose), Express.AnyText)));

    private GrammarExpression Written(string name, string keyClose, GrammarExpression value)
    {
        var padding = Express.Text(style.IsPadded ? "\n" : "");
        return Express.Concat(
            Express.Text(style.KeyOpen + name + keyClose),
            style.ValueOpen.Length == 0 ? GrammarExpression.Empty : Express.Concat(_break, Express.Text(style.ValueOpen)),
            padding,
            value,
            padding,
            Express.Text(style.ValueClose),
            _break);
    }
}
