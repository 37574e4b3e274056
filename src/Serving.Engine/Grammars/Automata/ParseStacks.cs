namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// Stacks of states that rules return to, as a tree: a stack is the number of its top, and equal stacks have equal numbers. 0 is the bottom. Grows while a text is read, by one for
/// each new way of nesting. Not thread-safe.
/// </summary>
internal sealed class ParseStacks
{
    /// <summary>The bottom.</summary>
    public const int Bottom = 0;

    private readonly List<(int Return, int Below)> _stacks = [(-1, -1)];
    private readonly Dictionary<(int Return, int Below), int> _numbers = [];

    /// <summary>The state on top of a stack, and what is below it.</summary>
    public (int Return, int Below) this[int stack] => _stacks[stack];

    /// <summary>The stack with one more state on top.</summary>
    public int Push(int returnState, int below)
    {
        if (!_numbers.TryGetValue((returnState, below), out var number))
        {
            number = _stacks.Count;
            _stacks.Add((returnState, below));
            _numbers.Add((returnState, below), number);
        }

        return number;
    }

    /// <summary>Stacks of their own with the same numbers.</summary>
    public ParseStacks Copy()
    {
        var copy = new ParseStacks();
        for (var i = 1; i < _stacks.Count; i++)
        {
            copy.Push(_stacks[i].Return, _stacks[i].Below);
        }

        return copy;
    }
}
