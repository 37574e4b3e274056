using System.Runtime.InteropServices;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// One choice under a constraint: where its answer stands, and which tokens may come next. The engine thread takes tokens and reads the mask; where a grammar's mask is not at hand a worker has
/// the matcher until <see cref="IsReady"/>.
/// </summary>
public sealed class SequenceConstraint : IGuessFilter
{
    private readonly TokenMatcher? _matcher;
    private readonly TokenRules? _rules;
    private readonly List<int> _answer = [];
    private readonly MaskWorkers _workers;
    private readonly TenantId _tenant;
    private readonly uint[] _mask;
    private MasksAhead? _ahead;
    private Exception? _failure;
    private volatile bool _isAbandoned;
    private volatile State _state;

    /// <summary>Begins a choice.</summary>
    /// <param name="start">Where all choices of the request begin; stays as it is. Null is any text.</param>
    /// <param name="rules">Rules on token ids; null where there are none.</param>
    /// <param name="mask">The mask there.</param>
    /// <param name="workers">Who works masks out.</param>
    /// <param name="tenant">Whose turn it takes with them.</param>
    internal SequenceConstraint(TokenMatcher? start, TokenRules? rules, ReadOnlySpan<uint> mask, MaskWorkers workers, TenantId tenant)
    {
        _matcher = start?.Fork();
        _rules = rules;
        _mask = mask.ToArray();
        _workers = workers;
        _tenant = tenant;
    }

    private enum State
    {
        Ready,
        Working,
        Dead,
        Broken,
    }

    /// <summary>Whether the mask is there.</summary>
    public bool IsReady => _state != State.Working;

    /// <summary>Words of a mask: known before the mask is.</summary>
    public int MaskWords => _mask.Length;

    private ReadOnlySpan<int> Answer => CollectionsMarshal.AsSpan(_answer);

    /// <summary>A bit for each token that may come behind so many of the guesses that were followed last; behind none of them that is the next one.</summary>
    public ReadOnlySpan<uint> MaskBehind(int guesses) => guesses == 0 ? _mask : _ahead!.Behind(guesses);

    /// <summary>The masks behind those that were followed can be read until the next token comes.</summary>
    /// <inheritdoc/>
    public int Follow(Span<Guess> guesses, int count)
    {
        if (_state != State.Ready)
        {
            return 0;
        }

        _ahead ??= new MasksAhead(_matcher, _rules);
        return _ahead.Follow(guesses, count, _mask, _answer);
    }

    /// <summary>Takes the token that came, not one that ended the answer, and has the next mask made.</summary>
    /// <returns>Whether the answer goes on, is complete, or cannot go on.</returns>
    public TokenVerdict Advance(int token)
    {
        if (_state == State.Broken)
        {
            throw new InvalidOperationException("A mask could not be worked out.", _failure);
        }

        if (_rules is not null)
        {
            _answer.Add(token);
        }

        return _matcher is null ? Restrict() : Follow(_matcher, token);
    }

    /// <summary>The choice has ended: nobody needs its next mask.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Works the mask out, on a thread of its own. It never throws: what nobody foresaw is thrown where the next token is taken.</summary>
    internal void WorkOut()
    {
        if (_isAbandoned)
        {
            return;
        }

        try
        {
            FillNext();
        }
        catch (Exception exception)
        {
            _failure = exception;
            Array.Fill(_mask, uint.MaxValue); // One more token, whatever it is.
            _state = State.Broken;
        }
    }

    private void FillNext()
    {
        if (_matcher!.Fill(_mask) == MaskOutcome.Filled && CanGoOn(_matcher))
        {
            _state = State.Ready;
            return;
        }

        // One more token, whatever it is, and the engine thread is told; not one that would end the answer as if it were whole.
        _matcher.FillDead(_mask);
        _state = State.Dead;
    }

    private TokenVerdict Follow(TokenMatcher matcher, int token)
    {
        if (_state == State.Dead || !matcher.Advance(token))
        {
            return TokenVerdict.DeadEnd;
        }

        if (!matcher.CanContinue)
        {
            return TokenVerdict.Stop;
        }

        switch (matcher.TryFill(_mask))
        {
            case MaskOutcome.Filled:
                return CanGoOn(matcher) ? TokenVerdict.Continue : TokenVerdict.DeadEnd;
            case MaskOutcome.Missing:
                _state = State.Working;
                if (!_workers.TryPost(_tenant, this))
                {
                    WorkOut();
                }

                return TokenVerdict.Continue;
            default:
                return TokenVerdict.DeadEnd;
        }
    }

    // Where the rules leave nothing of what the grammar allows, an answer that is whole may end: an end token is all that can come.
    private bool CanGoOn(TokenMatcher matcher)
    {
        if (_rules?.Restrict(Answer, _mask) != false)
        {
            return true;
        }

        if (matcher.IsComplete)
        {
            matcher.FillEnds(_mask);
        }

        return matcher.IsComplete;
    }

    private TokenVerdict Restrict()
    {
        _rules!.Fill(_mask);
        return _rules.Restrict(Answer, _mask) ? TokenVerdict.Continue : TokenVerdict.DeadEnd;
    }
}
