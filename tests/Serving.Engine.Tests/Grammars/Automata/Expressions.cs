using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Tests.Grammars.Automata;

/// <summary>Short names for expressions.</summary>
internal static class Expressions
{
    public static GrammarExpression Text(string text) => new LiteralExpression(text);

    public static GrammarExpression One(params ReadOnlySpan<(int First, int Last)> ranges) => new CharacterExpression(CharacterSet.Of(ranges));

    public static GrammarExpression Then(params GrammarExpression[] parts) => new SequenceExpression(parts);

    public static GrammarExpression Either(params GrammarExpression[] options) => new ChoiceExpression(options);

    public static GrammarExpression Many(GrammarExpression inner, int least = 0, int? most = null) => new RepeatExpression(inner, least, most);
}
