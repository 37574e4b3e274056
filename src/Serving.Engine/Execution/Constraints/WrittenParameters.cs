using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// The parameters of a function that a model writes one by one: those of the schema, in its order. A function that is not strict and whose schema is of a kind that is not done gets any values for the
/// parameters that it describes.
/// </summary>
internal abstract class WrittenParameters(GrammarBuilder builder)
{
    private readonly JsonGrammar _json = new(builder, JsonStyle.Spaced);

    /// <summary>Takes the rules.</summary>
    protected GrammarBuilder Builder { get; } = builder;

    /// <summary>The parameters of a function, and which have to be there.</summary>
    /// <exception cref="GrammarException">Its schema is malformed, or is demanded and not supported.</exception>
    protected IReadOnlyList<(GrammarExpression Text, bool IsRequired)> Parameters(CallableFunction function)
    {
        if (function.Parameters is not { } given)
        {
            return [];
        }

        if (function.Format is { } format)
        {
            var kind = Properties(given).Select(property => KindOf(property.Value, given)).Single();
            return [(Parameter(CustomTools.Parameter, kind, kind == ParameterKind.Json ? CustomInputGrammar.Quoted(format, Builder) : CustomInputGrammar.Plain(format)), true)];
        }

        var schema = FunctionGrammar.AsObject(given, function.Field);
        try
        {
            if (Properties(schema).FirstOrDefault(property => !CanWrite(property.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } odd)
            {
                throw new GrammarException($"{function.Field}: this model's calls cannot have a parameter of the name {WrittenStrings.Quote(odd.Name)}.", isNotSupported: true);
            }

            var parameters = ParameterSchemas.Of(schema, value => KindOf(value, schema) != ParameterKind.Json, Builder, function.Field);
            var kinds = Properties(schema).Select(property => KindOf(property.Value, schema));
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
            var kind = KindOf(property.Value, schema);
            return (Parameter(property.Name, kind, kind == ParameterKind.Json ? _json.Value : Express.AnyText), false);
        }),
    ];

    private static IReadOnlyList<JsonProperty> Properties(JsonElement schema) =>
        schema.TryGetProperty("properties", out var described) && described.ValueKind == JsonValueKind.Object ? [.. described.EnumerateObject()] : [];

    /// <summary>Whether the format can write a parameter of a name.</summary>
    protected abstract bool CanWrite(string name);

    /// <summary>How a parameter is written.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">What its value is given as.</param>
    /// <param name="value">Its values: JSON, or texts.</param>
    protected abstract GrammarExpression Parameter(string name, ParameterKind kind, GrammarExpression value);

    /// <summary>Whether the values of a parameter are texts that are written as they are.</summary>
    protected virtual ParameterKind KindOf(JsonElement value, JsonElement schema) => ParameterKinds.Of(value, schema);
}
