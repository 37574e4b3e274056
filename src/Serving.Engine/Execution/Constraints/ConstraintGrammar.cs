using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Grammars.Notations;
using Serving.Engine.Grammars.Patterns;
using Serving.Engine.Grammars.StructuralTags;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution.Constraints;

/// <summary>What each kind of constraint is as a grammar.</summary>
internal static class ConstraintGrammar
{
    /// <summary>The grammar of a constraint.</summary>
    /// <param name="constraint">The constraint.</param>
    /// <param name="readers">How the model writes calls and thoughts.</param>
    /// <param name="start">Where answers begin.</param>
    /// <exception cref="GrammarException">It is malformed or not supported.</exception>
    public static Grammar Of(OutputConstraint constraint, AnswerReaders readers, ReasoningStart start)
    {
        var builder = new GrammarBuilder();
        if (readers.Reasoning.Format is { IsChannels: true } && start != ReasoningStart.Answer)
        {
            var channels = new ChannelGrammar(readers.Reasoning.Spoken.Mark, start, builder);
            return builder.Build(constraint is ToolCallConstraint tools ? channels.Of(tools.Chat) : channels.Final(Of(constraint, null, builder)));
        }

        var answer = Of(constraint, readers.Tools.Format, builder);
        return builder.Build(readers.Reasoning.Format is { } reasoning ? new ThoughtGrammar(reasoning, start, builder).Before(answer) : answer);
    }

    /// <summary>Texts that are equal for constraints with equal grammars only.</summary>
    /// <param name="constraint">The constraint.</param>
    /// <param name="start">Where answers begin.</param>
    public static IEnumerable<string> Identity(OutputConstraint constraint, ReasoningStart start) => [start.ToString(), .. Identity(constraint)];

    private static GrammarExpression Of(OutputConstraint constraint, ToolCallFormat? calls, GrammarBuilder builder) => constraint switch
    {
        JsonObjectConstraint => new JsonGrammar(builder, JsonStyle.Spaced).Object,
        JsonSchemaConstraint schema => JsonSchemaGrammar.Read(schema.Schema, builder, schema.Field),
        PatternConstraint pattern => PatternReader.ReadWhole(pattern.Pattern, pattern.Field),
        GrammarConstraint grammar => GrammarNotation.Read(grammar.Text, builder, grammar.Field),
        StructuralTagConstraint tag => StructuralTagReader.Read(tag.Tag, builder, tag.Field),
        ChoiceConstraint choice => new ChoiceExpression([.. choice.Choices.Select(text => new LiteralExpression(text))]),
        ToolCallConstraint when calls!.IsChannels => throw new GrammarException("The prompt has begun the answer proper, in which this model calls no function."),
        ToolCallConstraint tools => new ToolCallGrammar(calls, builder).Of(tools.Chat),
        _ => throw new ArgumentException("Unknown kind of constraint.", nameof(constraint)),
    };

    private static IEnumerable<string> Identity(OutputConstraint constraint) => constraint switch
    {
        JsonObjectConstraint => ["object"],
        JsonSchemaConstraint schema => ["schema", schema.Schema.GetRawText()],
        PatternConstraint pattern => ["pattern", pattern.Pattern],
        GrammarConstraint grammar => ["grammar", grammar.Text],
        StructuralTagConstraint tag => ["tag", tag.Tag.GetRawText()],
        ChoiceConstraint choice => ["choice", .. choice.Choices],
        ToolCallConstraint { Chat: var chat } => ["tools", chat.Choice.ToString(), chat.ParallelCalls.ToString(), chat.ShownTools!.Value.GetRawText()],
        _ => throw new ArgumentException("Unknown kind of constraint.", nameof(constraint)),
    };
}
