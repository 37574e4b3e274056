using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Serving.Engine.Grammars.Notations;
using Serving.Engine.Grammars.Patterns;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution.Constraints;

/// <summary>The texts that a custom tool with a grammar may be called with, in the ways in which calls have texts.</summary>
internal static class CustomInputGrammar
{
    /// <summary>As strings of JSON: every character of a text in the one way that it is written there.</summary>
    /// <exception cref="GrammarException">The grammar is malformed, too large, or not done.</exception>
    public static GrammarExpression Quoted(CustomFormat format, GrammarBuilder builder)
    {
        var grammar = Read(format);
        RuleExpression[] written = [.. grammar.Rules.Select(_ => builder.Announce())];
        for (var rule = 0; rule < written.Length; rule++)
        {
            builder.Define(written[rule], WrittenStrings.Written(grammar.Rules[rule], Written));
        }

        return WrittenStrings.Quoted(WrittenStrings.Written(grammar.Start, Written));

        RuleExpression Written(RuleExpression rule) => written[rule.Rule];
    }

    /// <summary>As they are, without rules: a closing mark is taken out of them.</summary>
    /// <exception cref="GrammarException">The grammar is malformed, too large, or not done; or a rule of it leads back to itself.</exception>
    public static GrammarExpression Plain(CustomFormat format)
    {
        var grammar = Read(format);
        try
        {
            return new RuleInlining(grammar).Run();
        }
        catch (GrammarException exception)
        {
            throw new GrammarException($"{format.Field}: {exception.Message}", exception.IsNotSupported);
        }
    }

    private static Grammar Read(CustomFormat format)
    {
        var builder = new GrammarBuilder();
        return builder.Build(format.Syntax == "regex" ? PatternReader.ReadWhole(format.Definition, format.Field) : LarkReader.Read(format.Definition, builder, format.Field));
    }
}
