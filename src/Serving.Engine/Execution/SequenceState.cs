using Serving.Compute.Steps;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>
/// What the engine keeps with a sequence: its way from token ids to text, and what its penalties count. It outlives preemption, so nothing is sent twice.
/// </summary>
public sealed class SequenceState
{
    private readonly IncrementalDetokenizer? _detokenizer;
    private readonly AnswerStops? _stops;
    private readonly AnswerReader? _reader;
    private readonly PenaltyCounts? _penalties;
    private readonly SequenceDrafts _drafts = new();
    private int _openTokens;

    /// <summary>Starts the text of one choice.</summary>
    public SequenceState(ActiveRequest active, Tokenizer tokenizer, AnswerReaders readers)
    {
        ArgumentNullException.ThrowIfNull(active);
        ArgumentNullException.ThrowIfNull(readers);
        Active = active;
        _stops = new AnswerStops(active.Source.Stop);
        _reader = readers.Begin(active, _stops);
        _detokenizer = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true, _reader.Spoken);
        Constraint = active.Constraint?.Begin();
        _penalties = active.Request.Sampling.HasPenalties ? new PenaltyCounts(active.Request.Prompt) : null;
    }

    private SequenceState(ActiveRequest active, Exception failure) => (Active, Failure) = (active, failure);

    /// <summary>The request it belongs to.</summary>
    public ActiveRequest Active { get; }

    /// <summary>What nobody foresaw and is this sequence's alone: its request ends with it where its next token or its end comes, and no step has to.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What its answer has to be; null for any text.</summary>
    public SequenceConstraint? Constraint { get; }

    /// <summary>The stop string that ended it, if one did.</summary>
    public string? MatchedStop => _stops?.Matched;

    /// <summary>Whether it calls functions.</summary>
    public bool CallsTools => _reader?.Calls > 0;

    /// <summary>Whether its text has ended it: by a stop string, or with a call that is its end.</summary>
    public bool HasEnded => MatchedStop is not null || _reader?.IsDone == true;

    /// <summary>Its output tokens so far, a stop token included.</summary>
    public int OutputTokens { get; set; }

    /// <summary>When its last token came, for the time between tokens; 0 before.</summary>
    public long LastToken { get; set; }

    /// <summary>Whether guessing its tokens has failed for a reason that is not foreseen.</summary>
    public bool CannotGuess { get; set; }

    /// <summary>Whether the echoed prompt has been sent.</summary>
    public bool IsPromptSent { get; set; }

    /// <summary>The state of a sequence.</summary>
    public static SequenceState Of(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return (SequenceState)sequence.Tag!;
    }

    /// <summary>A sequence whose text could not be begun: it does nothing, and its request ends as soon as it can.</summary>
    public static SequenceState Failed(ActiveRequest active, Exception failure) => new(active, failure);

    /// <summary>Notes the first failure.</summary>
    public void Fail(Exception failure) => Failure ??= failure;

    /// <summary>Guesses the tokens behind a sequence's last one.</summary>
    /// <param name="tokens">All its tokens.</param>
    /// <param name="drafts">Room.</param>
    /// <returns>How many there are.</returns>
    public int Propose(ReadOnlySpan<int> tokens, Span<Draft> drafts) => _drafts.Propose(tokens, Constraint, drafts);

    /// <summary>Takes a token and returns what is now certain.</summary>
    public AnswerPart Append(int token)
    {
        _drafts.OnToken(token);
        _penalties?.AddOutput(token);
        _stops!.AreLookedFor = OutputTokens > Active.Source.MinTokens;
        var wasThinking = _reader!.IsThinking;
        var part = _reader.Append(_detokenizer!.Append(token));
        CountReasoning(wasThinking);
        return Shown(part);
    }

    /// <summary>Returns what was held back, at the end of a sequence.</summary>
    public AnswerPart Flush()
    {
        _stops!.AreLookedFor = OutputTokens > Active.Source.MinTokens;
        return Shown(_reader!.Flush(_detokenizer!.Flush()));
    }

    /// <summary>Adds the tokens seen to a step's penalties. A failure is the sequence's, whose next token does not count then, and not the step's.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="drafts">Guesses behind which an output stands: it counts only if they come true.</param>
    public void AddPenalties(StepInputs inputs, ReadOnlySpan<int> drafts)
    {
        try
        {
            _penalties?.CopyTo(inputs, drafts);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    /// <summary>The tokens that may come behind so many guesses; none of them said where there is no constraint, or where that is not to be had, which fails the sequence alone.</summary>
    public ReadOnlySpan<uint> MaskBehind(int guesses)
    {
        try
        {
            return Constraint is null ? [] : Constraint.MaskBehind(guesses);
        }
        catch (Exception exception)
        {
            Fail(exception);
            return [];
        }
    }

    private AnswerPart Shown(AnswerPart part) => Active.Source.IncludeReasoning ? part : part with { Reasoning = "" };

    // Tokens of a mark count once it is known to be one of thoughts, the closing mark's last token with them.
    private void CountReasoning(bool wasThinking)
    {
        if (wasThinking || _reader!.IsThinking)
        {
            Active.CountReasoning(_openTokens + 1);
            _openTokens = 0;
        }
        else
        {
            _openTokens = _reader.IsUndecided ? _openTokens + 1 : 0;
        }
    }
}
