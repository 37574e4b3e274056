using System.Collections.Concurrent;
using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// A grammar beside a vocabulary: the masks that have been worked out for it, by state and by what is left of a token, for everybody who is constrained by it. Thread-safe; two who
/// miss the same mask may work it out twice.
/// </summary>
public sealed class GrammarMasks
{
    private readonly EntrySets _sets;
    private readonly ConcurrentDictionary<(int State, int Entries), LocalMask> _masks = [];
    private readonly ConcurrentBag<LocalMaskWalk> _walks = [];
    private long _bytes;

    /// <summary>Nothing is worked out yet.</summary>
    public GrammarMasks(CompiledGrammar grammar, TokenVocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentNullException.ThrowIfNull(vocabulary);
        Grammar = grammar;
        Vocabulary = vocabulary;
        _sets = new EntrySets(vocabulary.Trie);
    }

    /// <summary>The grammar.</summary>
    public CompiledGrammar Grammar { get; }

    /// <summary>The vocabulary.</summary>
    public TokenVocabulary Vocabulary { get; }

    /// <summary>About how much memory it takes, in bytes.</summary>
    public long Bytes => Grammar.Automaton.Bytes + Interlocked.Read(ref _bytes);

    /// <summary>The sets of nodes that masks refer to.</summary>
    internal EntrySets Sets => _sets;

    /// <summary>The mask of a state if it is there.</summary>
    internal LocalMask? Find(int state, int entries) => _masks.GetValueOrDefault((state, entries));

    /// <summary>The mask of a state, worked out if it is not there: up to milliseconds.</summary>
    internal LocalMask Get(int state, int entries)
    {
        if (Find(state, entries) is { } known)
        {
            return known;
        }

        if (!_walks.TryTake(out var walk))
        {
            walk = new LocalMaskWalk(Grammar.Automaton, Vocabulary, _sets);
        }

        var mask = walk.Run(state, entries);
        _walks.Add(walk);
        if (Interlocked.Add(ref _bytes, mask.Bytes) > GrammarLimits.MaskBytes)
        {
            _masks.Clear();
            Interlocked.Exchange(ref _bytes, mask.Bytes);
        }

        _masks[(state, entries)] = mask;
        return mask;
    }
}
