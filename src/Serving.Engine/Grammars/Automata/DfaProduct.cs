namespace Serving.Engine.Grammars.Automata;

/// <summary>Two automata without rules run side by side: texts of both, or of the first and not of the second.</summary>
internal static class DfaProduct
{
    /// <summary>Runs both.</summary>
    /// <param name="first">What a text must be in.</param>
    /// <param name="second">What it must be in as well, or must not be in.</param>
    /// <param name="without">Must not.</param>
    /// <param name="budget">What it may cost.</param>
    public static Dfa Run(Dfa first, Dfa second, bool without, WorkBudget budget)
    {
        var product = new Dfa();
        var numbers = new Dictionary<(int, int), int>();
        var pairs = new List<(int First, int Second)>();
        NumberOf(0, 0);
        for (var i = 0; i < pairs.Count; i++)
        {
            var (a, b) = pairs[i];
            var inSecond = b >= 0 && second.States[b].Accepts;
            product.States.Add(new Dfa.State(Edges(a, b), [], first.States[a].Accepts && inSecond != without));
        }

        return product;

        // A text that the second one has no way for any more is in state -1 of it.
        int NumberOf(int a, int b)
        {
            if (!numbers.TryGetValue((a, b), out var number))
            {
                number = pairs.Count;
                budget.AddState();
                pairs.Add((a, b));
                numbers.Add((a, b), number);
            }

            return number;
        }

        List<Nfa.ByteEdge> Edges(int a, int b)
        {
            var edges = new List<Nfa.ByteEdge>();
            foreach (var edge in first.States[a].Bytes)
            {
                for (int from = edge.First; from <= edge.Last;)
                {
                    budget.Spend(1);
                    var (to, last) = b < 0 ? (-1, byte.MaxValue) : RunFrom(second, b, (byte)from);
                    last = Math.Min(last, edge.Last);
                    if (to >= 0 || without)
                    {
                        edges.Add(new Nfa.ByteEdge((byte)from, last, NumberOf(edge.To, to)));
                    }

                    from = last + 1;
                }
            }

            return edges;
        }
    }

    // Where a byte leads, and the last of the bytes from it on that lead to the same place.
    private static (int To, byte Last) RunFrom(Dfa dfa, int state, byte from)
    {
        foreach (var edge in dfa.States[state].Bytes)
        {
            if (from < edge.First)
            {
                return (-1, (byte)(edge.First - 1));
            }

            if (from <= edge.Last)
            {
                return (edge.To, edge.Last);
            }
        }

        return (-1, byte.MaxValue);
    }
}
