namespace Serving.Engine.Grammars.Automata;

/// <summary>Which states of the rules' automata can still come to their rule's end, by bytes and by rules that have a text themselves.</summary>
internal sealed class LiveStates
{
    private readonly bool[][] _live;

    private LiveStates(bool[][] live) => _live = live;

    /// <summary>Works it out: a state is live when it accepts, or when an edge leads to a live one, over a byte or a rule whose first state is live.</summary>
    public static LiveStates Find(IReadOnlyList<Dfa> rules)
    {
        var live = rules.Select(static rule => new bool[rule.States.Count]).ToArray();
        var before = rules.Select(static rule => new List<(int From, int Rule)>[rule.States.Count]).ToArray();
        var callers = rules.Select(static _ => new List<(int Rule, int From, int To)>()).ToArray();
        var open = new Stack<(int Rule, int State)>();
        for (var rule = 0; rule < rules.Count; rule++)
        {
            for (var state = 0; state < rules[rule].States.Count; state++)
            {
                foreach (var edge in rules[rule].States[state].Bytes)
                {
                    (before[rule][edge.To] ??= []).Add((state, -1));
                }

                foreach (var call in rules[rule].States[state].Calls)
                {
                    (before[rule][call.To] ??= []).Add((state, call.Rule));
                    callers[call.Rule].Add((rule, state, call.To));
                }

                if (rules[rule].States[state].Accepts)
                {
                    Mark(rule, state);
                }
            }
        }

        while (open.TryPop(out var found))
        {
            foreach (var (from, over) in before[found.Rule][found.State] ?? [])
            {
                if (over < 0 || live[over][0])
                {
                    Mark(found.Rule, from);
                }
            }

            if (found.State == 0)
            {
                foreach (var (rule, from, to) in callers[found.Rule])
                {
                    if (live[rule][to])
                    {
                        Mark(rule, from);
                    }
                }
            }
        }

        return new LiveStates(live);

        void Mark(int rule, int state)
        {
            if (!live[rule][state])
            {
                live[rule][state] = true;
                open.Push((rule, state));
            }
        }
    }

    /// <summary>Whether a state is live.</summary>
    public bool IsLive(int rule, int state) => _live[rule][state];
}
