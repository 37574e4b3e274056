using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>Makes an automaton deterministic: its states are sets of states that the same text leads to (Rabin and Scott 1959). Rules are taken as letters of their own.</summary>
internal sealed class SubsetConstruction
{
    private readonly Nfa _nfa;
    private readonly int _end;
    private readonly WorkBudget _budget;
    private readonly Dfa _dfa = new();
    private readonly List<int[]> _sets = [];
    private readonly Dictionary<int[], int> _numbers = new(IntSets.Comparer);
    private readonly Stack<int> _open = new();
    private readonly int[] _seen;
    private int _mark;

    private SubsetConstruction(Nfa nfa, int end, WorkBudget budget)
    {
        _nfa = nfa;
        _end = end;
        _budget = budget;
        _seen = new int[nfa.Count];
    }

    /// <summary>The deterministic automaton of what leads from <paramref name="start"/> to <paramref name="end"/>.</summary>
    /// <exception cref="GrammarException">It is too large.</exception>
    public static Dfa Run(Nfa nfa, int start, int end, WorkBudget budget)
    {
        var construction = new SubsetConstruction(nfa, end, budget);
        construction.NumberOf([start]);
        for (var state = 0; state < construction._sets.Count; state++)
        {
            construction._dfa.States.Add(construction.Expand(construction._sets[state]));
        }

        return construction._dfa;
    }

    private Dfa.State Expand(int[] set)
    {
        var bytes = new List<Nfa.ByteEdge>();
        var calls = new SortedDictionary<int, List<int>>();
        foreach (var member in set)
        {
            var edges = _nfa[member];
            bytes.AddRange(edges.Bytes ?? []);
            foreach (var call in edges.Calls ?? [])
            {
                (calls.TryGetValue(call.Rule, out var targets) ? targets : calls[call.Rule] = []).Add(call.To);
            }
        }

        return new Dfa.State(
            Disjoint(bytes),
            [.. calls.Select(call => new Nfa.RuleEdge(call.Key, NumberOf(call.Value)))],
            Array.BinarySearch(set, _end) >= 0);
    }

    // Cuts the ranges where one begins or ends; between two cuts a byte leads to the same set.
    private List<Nfa.ByteEdge> Disjoint(List<Nfa.ByteEdge> edges)
    {
        var disjoint = new List<Nfa.ByteEdge>();
        if (edges.Count == 0)
        {
            return disjoint;
        }

        edges.Sort(static (a, b) => a.First.CompareTo(b.First));
        var cuts = new SortedSet<int>();
        foreach (var edge in edges)
        {
            cuts.Add(edge.First);
            cuts.Add(edge.Last + 1);
        }

        var targets = new List<int>();
        var from = -1;
        foreach (var cut in cuts)
        {
            if (from >= 0)
            {
                targets.Clear();
                foreach (var edge in edges)
                {
                    if (edge.First > from)
                    {
                        break;
                    }

                    if (edge.Last >= from)
                    {
                        targets.Add(edge.To);
                    }
                }

                _budget.Spend(edges.Count);
                if (targets.Count > 0)
                {
                    Append(disjoint, (byte)from, (byte)(cut - 1), NumberOf(targets));
                }
            }

            from = cut;
        }

        return disjoint;
    }

    private static void Append(List<Nfa.ByteEdge> edges, byte first, byte last, int to)
    {
        if (edges.Count > 0 && edges[^1].To == to && edges[^1].Last + 1 == first)
        {
            edges[^1] = edges[^1] with { Last = last };
        }
        else
        {
            edges.Add(new Nfa.ByteEdge(first, last, to));
        }
    }

    private int NumberOf(List<int> states)
    {
        var set = Closure(states);
        if (!_numbers.TryGetValue(set, out var number))
        {
            number = _sets.Count;
            _budget.AddState();
            _sets.Add(set);
            _numbers.Add(set, number);
        }

        return number;
    }

    // All that is reached by edges that take nothing; only states with other edges, and the end, tell sets apart.
    private int[] Closure(List<int> states)
    {
        _mark++;
        var members = new List<int>();
        foreach (var state in states)
        {
            Open(state);
        }

        while (_open.TryPop(out var state))
        {
            _budget.Spend(1);
            var edges = _nfa[state];
            if (edges.Bytes is not null || edges.Calls is not null || state == _end)
            {
                members.Add(state);
            }

            foreach (var to in edges.Joins ?? [])
            {
                Open(to);
            }
        }

        members.Sort();
        return [.. members];
    }

    private void Open(int state)
    {
        if (_seen[state] != _mark)
        {
            _seen[state] = _mark;
            _open.Push(state);
        }
    }
}
