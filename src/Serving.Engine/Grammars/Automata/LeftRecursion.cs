using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>Finds rules that can begin with themselves before a byte is taken.</summary>
internal static class LeftRecursion
{
    /// <summary>Refuses a grammar that has one.</summary>
    /// <exception cref="GrammarException">It has.</exception>
    public static void Refuse(IReadOnlyList<Dfa> rules)
    {
        var nullable = Nullable(rules);
        var begins = rules.Select(rule => Begins(rule, nullable)).ToArray();
        var states = new int[rules.Count]; // 0 not seen, 1 on the way, 2 done
        var way = new Stack<(int Rule, int Next)>();
        for (var first = 0; first < rules.Count; first++)
        {
            if (states[first] == 0)
            {
                states[first] = 1;
                way.Push((first, 0));
            }

            while (way.TryPop(out var top))
            {
                if (top.Next == begins[top.Rule].Count)
                {
                    states[top.Rule] = 2;
                    continue;
                }

                way.Push(top with { Next = top.Next + 1 });
                var rule = begins[top.Rule][top.Next];
                if (states[rule] == 1)
                {
                    throw new GrammarException("The constraint refers to itself before it says anything.");
                }

                if (states[rule] == 0)
                {
                    states[rule] = 1;
                    way.Push((rule, 0));
                }
            }
        }
    }

    // Rules that have the empty text.
    private static bool[] Nullable(IReadOnlyList<Dfa> rules)
    {
        var nullable = new bool[rules.Count];
        for (var changed = true; changed;)
        {
            changed = false;
            for (var rule = 0; rule < rules.Count; rule++)
            {
                if (!nullable[rule] && Reached(rules[rule], nullable).Any(state => rules[rule].States[state].Accepts))
                {
                    nullable[rule] = changed = true;
                }
            }
        }

        return nullable;
    }

    private static List<int> Begins(Dfa rule, bool[] nullable) =>
        [.. Reached(rule, nullable).SelectMany(state => rule.States[state].Calls).Select(static call => call.Rule).Distinct()];

    // States that are reached before a byte is taken.
    private static HashSet<int> Reached(Dfa rule, bool[] nullable)
    {
        var reached = new HashSet<int> { 0 };
        var open = new Stack<int>([0]);
        while (open.TryPop(out var state))
        {
            foreach (var call in rule.States[state].Calls)
            {
                if (nullable[call.Rule] && reached.Add(call.To))
                {
                    open.Push(call.To);
                }
            }
        }

        return reached;
    }
}
