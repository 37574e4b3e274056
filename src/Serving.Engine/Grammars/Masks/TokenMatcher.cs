using System.Numerics;
using System.Runtime.InteropServices;
using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// Follows one answer through a grammar, token by token, and says which tokens may come next. A mask is put together from what each rule that the answer is in knows by itself: the
/// tokens that stay in it, and beyond its end those of the rule around it. Not thread-safe.
/// </summary>
public sealed class TokenMatcher
{
    /// <summary>Tokens that <see cref="OnlyToken"/> looks at: ways of cutting a text are as many as its first token has letters, and more where the vocabulary has a text twice.</summary>
    private const int MostSpellings = 24;

    private readonly GrammarMasks _masks;
    private readonly ParseSteps _steps;
    private readonly List<Configuration> _open;
    private readonly List<Configuration> _waiting = [];
    private readonly HashSet<(int State, int Stack, int Entries)> _asked = [];
    private readonly Stack<(int State, int Stack, int Entries)> _questions = new();
    private bool _isFirst = true;

    /// <summary>Begins an answer.</summary>
    public TokenMatcher(GrammarMasks masks)
    {
        ArgumentNullException.ThrowIfNull(masks);
        _masks = masks;
        _steps = new ParseSteps(masks.Grammar.Automaton, new ParseStacks());
        _open = [new Configuration(Automaton.Start, ParseStacks.Bottom)];
        Close();
    }

    private TokenMatcher(TokenMatcher other, ParseStacks stacks)
    {
        _masks = other._masks;
        _steps = new ParseSteps(_masks.Grammar.Automaton, stacks);
        _open = [];
        Follow(other);
    }

    /// <summary>Words of 32 bits in a mask.</summary>
    public int MaskWords => _masks.Vocabulary.MaskWords;

    /// <summary>Whether the answer so far is one of the grammar's.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether it may go on.</summary>
    public bool CanContinue => _waiting.Count > 0;

    /// <summary>Ways of reading the answer so far that go on: what a token and a mask cost goes with them.</summary>
    public int Ways => _waiting.Count;

    /// <summary>A matcher of its own at the same place.</summary>
    public TokenMatcher Fork() => new(this, _steps.Stacks.Copy());

    /// <summary>A matcher at the same place that looks ahead on behalf of this one: it shares its stacks, and goes back to where this one is with <see cref="Follow"/>.</summary>
    public TokenMatcher Scout() => new(this, _steps.Stacks);

    /// <summary>Goes to where another one is whose stacks it shares, or has a copy of.</summary>
    public void Follow(TokenMatcher other)
    {
        ArgumentNullException.ThrowIfNull(other);
        _open.Clear();
        _open.AddRange(other._open);
        _isFirst = other._isFirst;
        Close();
    }

    /// <summary>The one token that a mask leaves, or the longest of a few that are each a beginning of it: the text is certain, not how the model cuts it. Null when there is a choice, or the answer may end.</summary>
    /// <param name="mask">The mask here.</param>
    /// <param name="certain">Whether it is the only one.</param>
    public int? OnlyToken(ReadOnlySpan<uint> mask, out bool certain)
    {
        certain = false;
        Span<int> tokens = stackalloc int[MostSpellings];
        var count = 0;
        for (var word = mask.IndexOfAnyExcept(0u); word >= 0 && word < mask.Length;)
        {
            for (var bits = mask[word]; bits != 0; bits &= bits - 1)
            {
                if (count == tokens.Length)
                {
                    return null;
                }

                tokens[count++] = (word << 5) + BitOperations.TrailingZeroCount(bits);
            }

            var next = mask[(word + 1)..].IndexOfAnyExcept(0u);
            word = next < 0 ? mask.Length : word + 1 + next;
        }

        certain = count == 1;
        return LongestOf(tokens[..count]);
    }

    /// <summary>Takes a token; not one that ends an answer.</summary>
    /// <returns>False when no answer goes on with it; the matcher is of no use then.</returns>
    public bool Advance(int token)
    {
        var bytes = BytesOf(token);
        _isFirst = false;
        foreach (var value in bytes)
        {
            _steps.Take(_waiting, value, _open);
            Close();
        }

        return bytes.Length > 0 && (IsComplete || CanContinue);
    }

    /// <summary>Puts the mask of the next token together, if all that it needs has been worked out before: microseconds.</summary>
    /// <param name="mask">Gets a bit for every token; <see cref="MaskWords"/> words.</param>
    /// <returns>The outcome; <see cref="MaskOutcome.Missing"/> when <see cref="Fill"/> has to be asked.</returns>
    public MaskOutcome TryFill(Span<uint> mask) => Fill(mask, workOut: false);

    /// <summary>Puts the mask of the next token together and works out what is missing for it: up to milliseconds, or more for a hostile grammar.</summary>
    /// <param name="mask">Gets a bit for every token; <see cref="MaskWords"/> words.</param>
    public MaskOutcome Fill(Span<uint> mask) => Fill(mask, workOut: true);

    /// <summary>Fills a mask with one token, which does not end an answer: what to show where there is nothing to show.</summary>
    public void FillDead(Span<uint> mask)
    {
        mask.Clear();
        var token = Enumerable.Range(0, _masks.Vocabulary.Size).First(id => !_masks.Vocabulary.Ends.Contains(id));
        mask[token >> 5] |= 1u << token;
    }

    /// <summary>Fills a mask with the tokens that end an answer, whether or not this one may end.</summary>
    public void FillEnds(Span<uint> mask)
    {
        mask.Clear();
        AddEnds(mask);
    }

    private int? LongestOf(ReadOnlySpan<int> tokens)
    {
        var longest = tokens[0];
        foreach (var token in tokens)
        {
            longest = BytesOf(token).Length > BytesOf(longest).Length ? token : longest;
        }

        foreach (var token in tokens)
        {
            if (_masks.Vocabulary.Ends.Contains(token) || !BytesOf(longest).StartsWith(BytesOf(token)))
            {
                return null;
            }
        }

        return longest;
    }

    private ReadOnlySpan<byte> BytesOf(int token) => _masks.Vocabulary.BytesOf(token, _isFirst);

    private MaskOutcome Fill(Span<uint> mask, bool workOut)
    {
        mask.Clear();
        _asked.Clear();
        _questions.Clear();
        foreach (var (state, stack) in _open)
        {
            Ask(state, stack, _isFirst ? _masks.Sets.First : EntrySets.Behind);
        }

        while (_questions.TryPop(out var question))
        {
            var (state, stack, entries) = question;
            var local = workOut ? _masks.Get(state, entries) : _masks.Find(state, entries);
            if (local is null || ReferenceEquals(local, LocalMask.TooCostly))
            {
                return local is null ? MaskOutcome.Missing : MaskOutcome.TooCostly;
            }

            local.AddTo(mask);
            if (local.Exits == EntrySets.None)
            {
                continue;
            }

            if (stack != ParseStacks.Bottom)
            {
                Ask(_steps.Stacks[stack].Return, _steps.Stacks[stack].Below, local.Exits);
            }
            else if (_masks.Sets.HasRoot(local.Exits))
            {
                AddEnds(mask);
            }
        }

        return mask.ContainsAnyExcept(0u) ? MaskOutcome.Filled : MaskOutcome.DeadEnd;
    }

    private void Ask(int state, int stack, int entries)
    {
        if (_asked.Add((state, stack, entries)))
        {
            _questions.Push((state, stack, entries));
        }
    }

    private void AddEnds(Span<uint> mask)
    {
        foreach (var end in _masks.Vocabulary.Ends)
        {
            mask[end >> 5] |= 1u << end;
        }
    }

    private void Close()
    {
        if (!_steps.Close(CollectionsMarshal.AsSpan(_open), _waiting, out var ends))
        {
            _open.Clear();
            _waiting.Clear();
            ends = false;
        }

        IsComplete = ends;
    }
}
