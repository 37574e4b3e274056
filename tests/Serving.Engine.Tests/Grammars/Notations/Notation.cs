using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Notations;

namespace Serving.Engine.Tests.Grammars.Notations;

/// <summary>Grammars as text, compiled.</summary>
internal static class Notation
{
    public static CompiledGrammar Compile(string text)
    {
        var builder = new GrammarBuilder();
        return CompiledGrammar.Compile(builder.Build(GrammarNotation.Read(text, builder, "grammar")));
    }

    public static void Check(string grammar, string[] accepted, string[] refused)
    {
        var compiled = Compile(grammar);
        Assert.All(accepted, text => Assert.True(TextMatcher.Accepts(compiled, text), $"{text} is refused"));
        Assert.All(refused, text => Assert.False(TextMatcher.Accepts(compiled, text), $"{text} is accepted"));
    }

    public static GrammarException Refused(string grammar) => Assert.Throws<GrammarException>(() => Compile(grammar));
}
