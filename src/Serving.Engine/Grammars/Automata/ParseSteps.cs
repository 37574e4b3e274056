namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// Runs an automaton over all ways of reading a text at once. Between bytes it stands in *open* configurations; closing them begins rules and ends them as far as that takes no
/// byte, and leaves those that wait for a byte. Not thread-safe.
/// </summary>
internal sealed class ParseSteps(Automaton automaton, ParseStacks stacks)
{
    private readonly HashSet<Configuration> _seen = [];
    private readonly Stack<Configuration> _open = new();

    /// <summary>The stacks.</summary>
    public ParseStacks Stacks => stacks;

    /// <summary>Closes configurations.</summary>
    /// <param name="from">The open ones.</param>
    /// <param name="waiting">Gets those that wait for a byte.</param>
    /// <param name="ends">Whether the text may end here: the rule at the bottom is at its end.</param>
    /// <returns>False when there are too many.</returns>
    public bool Close(ReadOnlySpan<Configuration> from, List<Configuration> waiting, out bool ends)
    {
        waiting.Clear();
        ends = false;
        if (from.Length == 1 && automaton.IsPlain(from[0].State))
        {
            waiting.Add(from[0]);
            return true;
        }

        _seen.Clear();
        foreach (var configuration in from)
        {
            Open(configuration);
        }

        while (_open.TryPop(out var configuration))
        {
            var (state, stack) = configuration;
            if (automaton.TakesBytes(state))
            {
                waiting.Add(configuration);
            }

            foreach (var (start, after) in automaton.Calls(state))
            {
                Open(new Configuration(start, after == Automaton.TailCall ? stack : stacks.Push(after, stack)));
            }

            if (automaton.Accepts(state))
            {
                ends |= stack == ParseStacks.Bottom;
                if (stack != ParseStacks.Bottom)
                {
                    Open(new Configuration(stacks[stack].Return, stacks[stack].Below));
                }
            }

            if (_seen.Count > GrammarLimits.Configurations)
            {
                _open.Clear();
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes a byte.</summary>
    /// <param name="waiting">Closed configurations.</param>
    /// <param name="value">The byte.</param>
    /// <param name="next">Gets the open ones behind it; empty when no way takes it.</param>
    public void Take(List<Configuration> waiting, byte value, List<Configuration> next)
    {
        next.Clear();
        if (waiting.Count > 1)
        {
            _seen.Clear();
        }

        foreach (var (state, stack) in waiting)
        {
            var to = automaton.Next(state, value);
            if (to >= 0 && (waiting.Count == 1 || _seen.Add(new Configuration(to, stack))))
            {
                next.Add(new Configuration(to, stack));
            }
        }
    }

    private void Open(Configuration configuration)
    {
        if (_seen.Add(configuration))
        {
            _open.Push(configuration);
        }
    }
}
