using System.Text;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Finds stop strings in a text that comes in pieces (Aho and Corasick, 1975). Holds back only the longest end of the text that could
/// still become a stop string, and never lets a stop string out. The first to be complete wins; of those that end together, the longest.
/// How the text is cut into pieces changes nothing. Belongs to one answer, not thread-safe.
/// </summary>
public sealed class StopMatcher
{
    private readonly List<TrieState> _states = [new TrieState()];
    private readonly Dictionary<(int State, char Next), int> _edges = [];
    private readonly StringBuilder _held = new();
    private int _state;
    private string? _matched;

    /// <summary>Prepares for the given stop strings; empty ones are ignored.</summary>
    public StopMatcher(IReadOnlyList<string> stops)
    {
        foreach (var stop in stops)
        {
            Insert(stop);
        }

        LinkFailures();
    }

    /// <summary>Takes more text. Once a stop string is found, everything after it is dropped.</summary>
    public StopMatch Append(string delta)
    {
        if (_matched is not null || _states.Count == 1)
        {
            return new StopMatch(_matched is null ? delta : string.Empty, _matched);
        }

        for (var i = 0; i < delta.Length; i++)
        {
            _state = Step(_state, delta[i]);
            if (_states[_state].Stop is { } stop)
            {
                _matched = stop;
                _held.Append(delta, 0, i + 1);
                return new StopMatch(Take(_held.Length - stop.Length), stop);
            }
        }

        var hold = _states[_state].Depth;
        if (hold == 0 && _held.Length == 0)
        {
            return new StopMatch(delta, null);
        }

        _held.Append(delta);
        return new StopMatch(Take(_held.Length - hold), null);
    }

    /// <summary>Ends a text; returns what was held back, as no stop string can be completed any more. What is appended afterwards is another text.</summary>
    public string Flush()
    {
        _state = 0;
        return _matched is null ? Take(_held.Length) : string.Empty;
    }

    private string Take(int count)
    {
        var text = _held.ToString(0, count);
        _held.Remove(0, count);
        return text;
    }

    private int Step(int state, char next)
    {
        int target;
        while (!_edges.TryGetValue((state, next), out target) && state != 0)
        {
            state = _states[state].Failure;
        }

        return target;
    }

    private void Insert(string stop)
    {
        var state = 0;
        foreach (var c in stop)
        {
            if (!_edges.TryGetValue((state, c), out var child))
            {
                child = _states.Count;
                _states.Add(new TrieState { Depth = _states[state].Depth + 1 });
                _edges[(state, c)] = child;
            }

            state = child;
        }

        if (state != 0)
        {
            _states[state].Stop = stop;
        }
    }

    /// <summary>Links each state to that of its longest proper suffix, shallow ones first, and hands down the stops that end there.</summary>
    private void LinkFailures()
    {
        foreach (var ((parent, c), child) in _edges.OrderBy(edge => _states[edge.Value].Depth))
        {
            var state = _states[child];
            state.Failure = parent == 0 ? 0 : Step(_states[parent].Failure, c);
            state.Stop ??= _states[state.Failure].Stop;
        }
    }

    private sealed class TrieState
    {
        public int Depth { get; init; }

        public int Failure { get; set; }

        public string? Stop { get; set; }
    }
}
