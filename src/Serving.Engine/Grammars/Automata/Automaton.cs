namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// All rules of a grammar as one pushdown automaton over bytes, in flat arrays. Every state that is in it can still come to an end, by bytes at least. Immutable, shared by all who
/// run it.
/// </summary>
internal sealed class Automaton
{
    private readonly int[] _firstEdge;
    private readonly byte[] _edgeFirst;
    private readonly byte[] _edgeLast;
    private readonly int[] _edgeTo;
    private readonly int[] _firstCall;
    private readonly (int Start, int Return)[] _calls;
    private readonly bool[] _accepts;
    private readonly bool[] _plain;

    /// <summary>Flattens states.</summary>
    /// <param name="states">Edges over bytes, calls as (first state of the rule, state behind it), whether a rule's text may end here.</param>
    public Automaton(IReadOnlyList<(IReadOnlyList<Nfa.ByteEdge> Bytes, IReadOnlyList<(int Start, int Return)> Calls, bool Accepts)> states)
    {
        _firstEdge = new int[states.Count + 1];
        _firstCall = new int[states.Count + 1];
        for (var i = 0; i < states.Count; i++)
        {
            _firstEdge[i + 1] = _firstEdge[i] + states[i].Bytes.Count;
            _firstCall[i + 1] = _firstCall[i] + states[i].Calls.Count;
        }

        var edges = states.SelectMany(static state => state.Bytes).ToArray();
        _edgeFirst = [.. edges.Select(static edge => edge.First)];
        _edgeLast = [.. edges.Select(static edge => edge.Last)];
        _edgeTo = [.. edges.Select(static edge => edge.To)];
        _calls = [.. states.SelectMany(static state => state.Calls)];
        _accepts = [.. states.Select(static state => state.Accepts)];
        _plain = [.. states.Select(static state => !state.Accepts && state.Calls.Count == 0)];
    }

    /// <summary>Stands for the state behind a call after which a rule only ends: its caller goes on in its place.</summary>
    public const int TailCall = -1;

    /// <summary>The first state.</summary>
    public const int Start = 0;

    /// <summary>Number of states.</summary>
    public int Count => _accepts.Length;

    /// <summary>About how much memory it takes, in bytes.</summary>
    public long Bytes => (Count * 10L) + (_edgeTo.Length * 6L) + (_calls.Length * 8L);

    /// <summary>Whether a rule's text may end in a state.</summary>
    public bool Accepts(int state) => _accepts[state];

    /// <summary>Whether a state has bytes only: no calls, no end.</summary>
    public bool IsPlain(int state) => _plain[state];

    /// <summary>Whether a state has an edge that takes a byte.</summary>
    public bool TakesBytes(int state) => _firstEdge[state] < _firstEdge[state + 1];

    /// <summary>The rules that may begin in a state: each one's first state, and the state behind it or <see cref="TailCall"/>.</summary>
    public ReadOnlySpan<(int Start, int Return)> Calls(int state) => _calls.AsSpan(_firstCall[state], _firstCall[state + 1] - _firstCall[state]);

    /// <summary>The state that a byte leads to, or -1.</summary>
    public int Next(int state, byte value)
    {
        var end = _firstEdge[state + 1];
        for (var edge = _firstEdge[state]; edge < end; edge++)
        {
            if (value <= _edgeLast[edge])
            {
                return value >= _edgeFirst[edge] ? _edgeTo[edge] : -1;
            }
        }

        return -1;
    }
}
