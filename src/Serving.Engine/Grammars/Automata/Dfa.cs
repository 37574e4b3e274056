namespace Serving.Engine.Grammars.Automata;

/// <summary>A deterministic automaton of one rule: at most one edge for a byte, at most one for a rule. State 0 is the first one.</summary>
internal sealed class Dfa
{
    /// <summary>The states.</summary>
    public List<State> States { get; } = [];

    /// <summary>A state: edges over disjoint ranges of bytes in ascending order, edges over rules, whether a text may end here.</summary>
    public sealed record State(List<Nfa.ByteEdge> Bytes, List<Nfa.RuleEdge> Calls, bool Accepts);
}
