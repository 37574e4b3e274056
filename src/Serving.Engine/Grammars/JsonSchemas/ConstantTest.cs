using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>Whether a schema's own constants satisfy what stands beside them.</summary>
internal sealed class ConstantTest
{
    private readonly Conjunction _conjunction;
    private readonly SchemaBudget _budget;
    private readonly Lazy<NumberBounds> _bounds;
    private readonly Lazy<StringLanguage> _strings;

    public ConstantTest(Conjunction conjunction, SchemaBudget budget)
    {
        _conjunction = conjunction;
        _budget = budget;
        _bounds = new(() => NumberBounds.Of(conjunction));
        _strings = new(() => StringLanguage.Of(conjunction));
    }

    /// <summary>Whether they do.</summary>
    public bool Takes(JsonElement constant)
    {
        var type = JsonTypeReader.Of(constant);
        return (_conjunction.Types & type) != 0 && !_conjunction.Nodes.Any(node => node.Excluded.Any(excluded => JsonElement.DeepEquals(excluded, constant))) && type switch
        {
            JsonTypes.Integer or JsonTypes.Fraction => TakesNumber(constant),
            JsonTypes.String => _strings.Value.Takes(constant.GetString()!, _budget.Test),
            JsonTypes.Array => TakesAnyOf("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"),
            JsonTypes.Object => TakesAnyOf("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties"),
            _ => true,
        };
    }

    private bool TakesNumber(JsonElement constant)
    {
        var value = JsonDecimal.Parse(constant.GetRawText()) ?? throw _conjunction.Nodes[0].NotDone("enum", $"a number with an exponent beyond {JsonDecimal.MaxShift}");
        return _bounds.Value.Take(value) && _conjunction.All("multipleOf").All(item => value.IsMultipleOf(NumberGrammar.Divisor(item.Node, item.Value)));
    }

    // Arrays and objects that stand beside keywords of their kind have not been wanted yet.
    private bool TakesAnyOf(params string[] keywords)
    {
        foreach (var keyword in keywords)
        {
            foreach (var (node, _) in _conjunction.All(keyword))
            {
                throw node.NotDone(keyword, "beside an enum or const that is an array or an object");
            }
        }

        return true;
    }
}
