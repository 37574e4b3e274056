using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What the grammars of objects and arrays ask of the whole: the values inside of them.</summary>
internal interface IValueGrammars
{
    /// <summary>JSON's own parts.</summary>
    JsonGrammar Json { get; }

    /// <summary>Takes rules.</summary>
    GrammarBuilder Builder { get; }

    /// <summary>What reading may cost.</summary>
    SchemaBudget Budget { get; }

    /// <summary>The values that satisfy schemas, all of them.</summary>
    GrammarExpression Of(IReadOnlyList<SchemaNode> schemas);

    /// <summary>What the strings mean that satisfy schemas, all of them.</summary>
    GrammarExpression Meant(IReadOnlyList<SchemaNode> schemas);
}
