using System.Runtime.InteropServices;
using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// Works out a <see cref="LocalMask"/>: walks the tree of tokens and the automaton side by side, and leaves a branch where the automaton has no way on. What takes its time is inside
/// texts, where every token may come: one pass over the tree. Works one mask out.
/// </summary>
internal sealed class LocalMaskWalk
{
    private readonly Automaton _automaton;
    private readonly TokenVocabulary _vocabulary;
    private readonly EntrySets _sets;
    private readonly ParseSteps _steps;
    private readonly List<List<Configuration>> _waiting = [];
    private readonly List<Configuration> _next = [];
    private readonly List<int> _tokens = [];
    private readonly List<int> _exits = [];

    // Takes the place of the list once that would be the longer of the two.
    private uint[]? _words;
    private long _work;

    /// <summary>A walk of an automaton over the tokens of a vocabulary.</summary>
    public LocalMaskWalk(Automaton automaton, TokenVocabulary vocabulary, EntrySets sets)
    {
        _automaton = automaton;
        _vocabulary = vocabulary;
        _sets = sets;
        _steps = new ParseSteps(automaton, new ParseStacks());
    }

    /// <summary>The mask of a state, for what is left of tokens behind the nodes of a set.</summary>
    public LocalMask Run(int state, int entries)
    {
        foreach (var entry in _sets[entries])
        {
            if (_sets.IsFull || !Enter(state, entry))
            {
                return LocalMask.TooCostly;
            }
        }

        _exits.Sort();
        return Result(_exits.Count == 0 ? EntrySets.None : _sets.NumberOf([.. _exits.Distinct()]));
    }

    private bool Enter(int state, int entry)
    {
        if (!_steps.Close([new Configuration(state, ParseStacks.Bottom)], Waiting(0), out var ends))
        {
            return false;
        }

        if (ends)
        {
            _exits.Add(entry);
        }

        return Waiting(0).Count == 0 || WalkBelow(entry);
    }

    private bool WalkBelow(int entry)
    {
        var trie = _vocabulary.Trie;
        var depth = trie[entry].Depth;
        var end = trie[entry].End;
        for (var at = entry + 1; at < end;)
        {
            ref readonly var node = ref trie[at];
            var before = Waiting(node.Depth - depth - 1);
            var after = Waiting(node.Depth - depth);
            _work += before.Count;
            if (_work > GrammarLimits.MaskWork || !Step(before, node.Label, after, out var ends))
            {
                return false;
            }

            if (ends)
            {
                _exits.Add(at);
            }

            if (ends || after.Count > 0)
            {
                Take(trie.Tokens(at));
            }

            at = after.Count > 0 ? at + 1 : node.End;
        }

        return true;
    }

    private bool Step(List<Configuration> before, byte label, List<Configuration> after, out bool ends)
    {
        ends = false;
        if (before.Count == 1)
        {
            // Nearly always: within a text, or along a name.
            var to = _automaton.Next(before[0].State, label);
            if (to < 0)
            {
                after.Clear();
                return true;
            }

            return _steps.Close([before[0] with { State = to }], after, out ends);
        }

        _steps.Take(before, label, _next);
        _work += _next.Count;
        return _steps.Close(CollectionsMarshal.AsSpan(_next), after, out ends);
    }

    private List<Configuration> Waiting(int depth)
    {
        while (_waiting.Count <= depth)
        {
            _waiting.Add([]);
        }

        return _waiting[depth];
    }

    private void Take(ReadOnlySpan<int> tokens)
    {
        if (_words is null && _tokens.Count + tokens.Length <= _vocabulary.MaskWords)
        {
            _tokens.AddRange(tokens);
            return;
        }

        if (_words is null)
        {
            _words = new uint[_vocabulary.MaskWords];
            Set(_words, CollectionsMarshal.AsSpan(_tokens));
            _tokens.Clear();
        }

        Set(_words, tokens);
    }

    private static void Set(uint[] words, ReadOnlySpan<int> tokens)
    {
        foreach (var token in tokens)
        {
            words[token >> 5] |= 1u << token;
        }
    }

    private LocalMask Result(int exits) => new(_words, [.. _tokens], exits);
}
