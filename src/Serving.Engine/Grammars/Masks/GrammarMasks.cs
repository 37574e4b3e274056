using System.Collections.Concurrent;
using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// A grammar beside a vocabulary: the masks that have been worked out for it, by state and by what is left of a token, for everybody who is constrained by it. Thread-safe; two who
/// miss the same mask may work it out twice.
/// </summary>
public sealed class GrammarMasks
{
    /// <summary>What one takes before anything is worked out, beside its automaton: the tables themselves.</summary>
    private const long EmptyBytes = 2048;

    private readonly EntrySets _sets;
    private readonly ConcurrentDictionary<(int State, int Entries), LocalMask> _masks = [];
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

    /// <summary>About how much memory it takes, in bytes: all that it keeps, the vocabulary aside. Grows while it is used.</summary>
    public long Bytes => EmptyBytes + Grammar.Automaton.Bytes + _sets.Bytes + Interlocked.Read(ref _bytes);

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

        // A walk is made for each mask and forgotten: what it needs on its way can be many times the mask, and would be kept once per grammar.
        var mask = new LocalMaskWalk(Grammar.Automaton, Vocabulary, _sets).Run(state, entries);
        if (Interlocked.Add(ref _bytes, mask.Bytes) > GrammarLimits.MaskBytes)
        {
            _masks.Clear();
            Interlocked.Exchange(ref _bytes, mask.Bytes);
        }

        _masks[(state, entries)] = mask;
        return mask;
    }
}
