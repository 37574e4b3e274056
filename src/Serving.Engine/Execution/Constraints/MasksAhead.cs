using System.Runtime.InteropServices;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Looks ahead of a constrained answer: follows guesses of its coming tokens as far as grammar and rules take them and it is known what may come behind each. Allocates until it has
/// followed as many as there ever are.
/// </summary>
internal sealed class MasksAhead
{
    /// <summary>A text that can be read in more ways is not followed: the engine thread would pay for each of them at every guess.</summary>
    private const int MostWays = 16;

    private readonly TokenMatcher? _matcher;
    private readonly TokenRules? _rules;
    private readonly TokenMatcher? _scout;
    private readonly List<uint[]> _masks = [];

    /// <summary>Ahead of an answer.</summary>
    /// <param name="matcher">Where it stands in its grammar; null for any text. Moved by its owner.</param>
    /// <param name="rules">Rules on token ids; null for none.</param>
    public MasksAhead(TokenMatcher? matcher, TokenRules? rules)
    {
        _matcher = matcher;
        _rules = rules;
        _scout = matcher?.Scout();
    }

    /// <summary>The mask behind so many of the guesses that were followed last, one at least.</summary>
    public ReadOnlySpan<uint> Behind(int guesses) => _masks[guesses - 1];

    /// <summary>Follows guesses; where the grammar leaves no choice, its token takes the place of a guess.</summary>
    /// <param name="guesses">Room, filled from the start.</param>
    /// <param name="count">The first ones that are guesses.</param>
    /// <param name="mask">The mask of the next token.</param>
    /// <param name="answer">The answer's tokens, where there are rules; as it was afterwards.</param>
    /// <returns>How many there are.</returns>
    public int Follow(Span<Guess> guesses, int count, ReadOnlySpan<uint> mask, List<int> answer)
    {
        var tokens = answer.Count;
        var followed = 0;
        while (followed < guesses.Length && TryGuess(guesses, followed, ref count, mask) && Allows(mask, guesses[followed].Token) && TryFollow(guesses[followed].Token, followed, answer))
        {
            mask = _masks[followed++];
        }

        answer.RemoveRange(tokens, answer.Count - tokens);
        return followed;
    }

    private static bool Allows(ReadOnlySpan<uint> mask, int token) => (mask[token >> 5] & (1u << token)) != 0;

    private bool TryGuess(Span<Guess> guesses, int index, ref int count, ReadOnlySpan<uint> mask)
    {
        if ((index == 0 ? _matcher : _scout)?.OnlyToken(mask, out var certain) is { } only)
        {
            count = index < count && guesses[index].Token == only ? count : index; // What was guessed behind another token is not to the point.
            guesses[index] = new Guess(only, certain ? GuessKind.OnlyToken : GuessKind.OnlyText);
            return true;
        }

        return index < count;
    }

    private bool TryFollow(int token, int index, List<int> answer)
    {
        if (_masks.Count == index)
        {
            _masks.Add(new uint[_matcher?.MaskWords ?? _rules!.MaskWords]);
        }

        return TryFollowGrammar(token, index) && TryFollowRules(token, index, answer);
    }

    private bool TryFollowGrammar(int token, int index)
    {
        if (_scout is null)
        {
            _rules!.Fill(_masks[index]);
            return true;
        }

        if (index == 0)
        {
            _scout.Follow(_matcher!);
        }

        return _scout.Ways <= MostWays && _scout.Advance(token) && _scout.CanContinue && _scout.TryFill(_masks[index]) == MaskOutcome.Filled;
    }

    private bool TryFollowRules(int token, int index, List<int> answer)
    {
        if (_rules is null)
        {
            return true;
        }

        answer.Add(token);
        return _rules.Restrict(CollectionsMarshal.AsSpan(answer), _masks[index]);
    }
}
