using Serving.Core.Scheduling;
using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// One choice under a constraint: where its answer stands, and which tokens may come next. The engine thread takes tokens and reads the mask; where the mask is not at hand a worker has
/// the matcher until <see cref="IsReady"/>.
/// </summary>
public sealed class SequenceConstraint
{
    private readonly TokenMatcher _matcher;
    private readonly MaskWorkers _workers;
    private readonly uint[] _mask;
    private volatile State _state;

    /// <summary>Begins a choice.</summary>
    /// <param name="start">Where all choices of the request begin; stays as it is.</param>
    /// <param name="mask">The mask there.</param>
    /// <param name="workers">Who works masks out.</param>
    public SequenceConstraint(TokenMatcher start, ReadOnlySpan<uint> mask, MaskWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(start);
        _matcher = start.Fork();
        _mask = mask.ToArray();
        _workers = workers;
    }

    private enum State
    {
        Ready,
        Working,
        Dead,
    }

    /// <summary>Whether the mask is there.</summary>
    public bool IsReady => _state != State.Working;

    /// <summary>Words of a mask: known before the mask is.</summary>
    public int MaskWords => _mask.Length;

    /// <summary>A bit for each token that may come next.</summary>
    public ReadOnlySpan<uint> Mask => _mask;

    /// <summary>Takes the token that came, not one that ended the answer, and has the next mask made.</summary>
    /// <returns>Whether the answer goes on, is complete, or cannot go on.</returns>
    public TokenVerdict Advance(int token)
    {
        if (_state == State.Dead || !_matcher.Advance(token))
        {
            return TokenVerdict.DeadEnd;
        }

        if (!_matcher.CanContinue)
        {
            return TokenVerdict.Stop;
        }

        switch (_matcher.TryFill(_mask))
        {
            case MaskOutcome.Filled:
                return TokenVerdict.Continue;
            case MaskOutcome.Missing:
                _state = State.Working;
                if (!_workers.TryPost(this))
                {
                    WorkOut();
                }

                return TokenVerdict.Continue;
            default:
                return TokenVerdict.DeadEnd;
        }
    }

    /// <summary>Works the mask out, on a thread of its own.</summary>
    internal void WorkOut()
    {
        if (_matcher.Fill(_mask) == MaskOutcome.Filled)
        {
            _state = State.Ready;
            return;
        }

        // One more token, whatever it is, and the engine thread is told; not one that would end the answer as if it were whole.
        _matcher.FillDead(_mask);
        _state = State.Dead;
    }
}
