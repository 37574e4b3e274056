namespace Serving.Engine.Grammars.Expressions;

/// <summary>A context-free set of texts: rules that name each other by number.</summary>
/// <param name="Start">What an answer is.</param>
/// <param name="Rules">What <see cref="RuleExpression"/>s stand for, by number.</param>
public sealed record Grammar(GrammarExpression Start, IReadOnlyList<GrammarExpression> Rules);
