using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What reading one schema may cost, counted in schemas that are looked at.</summary>
internal sealed class SchemaBudget(string field)
{
    private int _left = SchemaLimits.Work;

    /// <summary>Tests constants of the schema against its own patterns.</summary>
    public ExpressionTest Test { get; } = new();

    /// <summary>Counts.</summary>
    /// <exception cref="GrammarException">There have been too many.</exception>
    public void Spend(int schemas = 1)
    {
        _left -= schemas;
        if (_left < 0)
        {
            throw new GrammarException($"{field}: the schema is too large: what its references and alternatives expand to is more than {SchemaLimits.Work} schemas.");
        }
    }
}
