using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>What compiling one grammar may cost.</summary>
internal sealed class WorkBudget
{
    private int _work;
    private int _states;

    /// <summary>Counts steps.</summary>
    /// <exception cref="GrammarException">There have been too many.</exception>
    public void Spend(int steps)
    {
        _work += steps;
        if (_work > GrammarLimits.Work)
        {
            throw new GrammarException("The constraint is too costly: its alternatives have too much in common.");
        }
    }

    /// <summary>Counts a state.</summary>
    /// <exception cref="GrammarException">There are too many.</exception>
    public void AddState()
    {
        if (++_states > GrammarLimits.States)
        {
            throw new GrammarException($"The constraint is too large: more than {GrammarLimits.States} states.");
        }
    }
}
