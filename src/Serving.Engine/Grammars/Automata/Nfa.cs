namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// An automaton under construction: states with edges that take a byte of a range, edges that take a text of a rule, and edges that take nothing. Nondeterministic: a text is
/// taken when some way through it ends at the end.
/// </summary>
/// <param name="budget">What it may cost.</param>
internal sealed class Nfa(WorkBudget budget)
{
    private readonly List<State> _states = [];

    /// <summary>Number of states.</summary>
    public int Count => _states.Count;

    /// <summary>A state's edges.</summary>
    public State this[int state] => _states[state];

    /// <summary>Adds a state.</summary>
    /// <exception cref="Expressions.GrammarException">There are too many.</exception>
    public int Add()
    {
        if (_states.Count == GrammarLimits.NfaStates)
        {
            throw new Expressions.GrammarException("The constraint is too large: repetitions and nesting expand to too many states.");
        }

        budget.Spend(1);
        _states.Add(default);
        return _states.Count - 1;
    }

    /// <summary>Adds an edge that takes nothing.</summary>
    public void Join(int from, int to) => _states[from] = _states[from] with { Joins = Append(_states[from].Joins, to) };

    /// <summary>Adds an edge that takes a byte.</summary>
    public void Take(int from, byte first, byte last, int to) => _states[from] = _states[from] with { Bytes = Append(_states[from].Bytes, new ByteEdge(first, last, to)) };

    /// <summary>Adds an edge that takes a text of a rule.</summary>
    public void Call(int from, int rule, int to) => _states[from] = _states[from] with { Calls = Append(_states[from].Calls, new RuleEdge(rule, to)) };

    private static List<T> Append<T>(List<T>? list, T item)
    {
        list ??= new List<T>(1);
        list.Add(item);
        return list;
    }

    /// <summary>An edge that takes one byte of a range.</summary>
    public readonly record struct ByteEdge(byte First, byte Last, int To);

    /// <summary>An edge that takes a text of a rule.</summary>
    public readonly record struct RuleEdge(int Rule, int To);

    /// <summary>A state's edges; null is none.</summary>
    public readonly record struct State(List<int>? Joins, List<ByteEdge>? Bytes, List<RuleEdge>? Calls);
}
