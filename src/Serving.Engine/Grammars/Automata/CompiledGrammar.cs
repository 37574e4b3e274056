using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>A grammar made into an automaton. Immutable.</summary>
public sealed class CompiledGrammar
{
    private CompiledGrammar(Automaton automaton) => Automaton = automaton;

    /// <summary>Its states.</summary>
    public int States => Automaton.Count;

    /// <summary>The automaton.</summary>
    internal Automaton Automaton { get; }

    /// <summary>Compiles a grammar.</summary>
    /// <exception cref="GrammarException">It is too large or too costly, has a rule that begins with itself, or no text at all.</exception>
    public static CompiledGrammar Compile(Grammar grammar)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        return new CompiledGrammar(AutomatonBuilder.Build(grammar));
    }
}
