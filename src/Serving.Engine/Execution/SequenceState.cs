using Serving.Compute.Steps;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Tokenization;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>
/// What the engine keeps with a sequence: its way from token ids to text, and what its penalties count. It outlives preemption, so nothing is sent twice.
/// </summary>
public sealed class SequenceState
{
    private readonly IncrementalDetokenizer _detokenizer;
    private readonly StopMatcher? _stops;
    private readonly ToolCallParser? _calls;
    private readonly PenaltyCounts? _penalties;
    private readonly SequenceDrafts _drafts = new();

    /// <summary>Starts the text of one choice.</summary>
    public SequenceState(ActiveRequest active, Tokenizer tokenizer, ToolAnswers tools)
    {
        ArgumentNullException.ThrowIfNull(active);
        ArgumentNullException.ThrowIfNull(tools);
        Active = active;
        _calls = tools.Begin(active);
        _detokenizer = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true, _calls is null ? null : tools.Markers);
        _stops = active.Source.Stop.Count > 0 ? new StopMatcher(active.Source.Stop) : null;
        Constraint = active.Constraint?.Begin();
        _penalties = active.Request.Sampling.HasPenalties ? new PenaltyCounts(active.Request.Prompt) : null;
    }

    /// <summary>The request it belongs to.</summary>
    public ActiveRequest Active { get; }

    /// <summary>What its answer has to be; null for any text.</summary>
    public SequenceConstraint? Constraint { get; }

    /// <summary>The stop string that ended it, if one did.</summary>
    public string? MatchedStop { get; private set; }

    /// <summary>Whether it calls functions.</summary>
    public bool CallsTools => _calls is { Calls: > 0 };

    /// <summary>Whether its text has ended it: by a stop string, or with the only call that it may make.</summary>
    public bool HasEnded => MatchedStop is not null || _calls is { IsDone: true };

    /// <summary>Its output tokens so far, a stop token included.</summary>
    public int OutputTokens { get; set; }

    /// <summary>When its last token came, for the time between tokens; 0 before.</summary>
    public long LastToken { get; set; }

    /// <summary>Whether the echoed prompt has been sent.</summary>
    public bool IsPromptSent { get; set; }

    /// <summary>The state of a sequence.</summary>
    public static SequenceState Of(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return (SequenceState)sequence.Tag!;
    }

    /// <summary>Guesses the tokens behind a sequence's last one.</summary>
    /// <param name="tokens">All its tokens.</param>
    /// <param name="drafts">Room.</param>
    /// <returns>How many there are.</returns>
    public int Propose(ReadOnlySpan<int> tokens, Span<Draft> drafts) => _drafts.Propose(tokens, Constraint, drafts);

    /// <summary>Takes a token and returns what is now certain.</summary>
    public ToolCallOutput Append(int token)
    {
        _drafts.OnToken(token);
        _penalties?.AddOutput(token);
        var text = Match(_detokenizer.Append(token));
        return _calls?.Append(text) ?? new ToolCallOutput(text, []);
    }

    /// <summary>Returns what was held back, at the end of a sequence.</summary>
    public ToolCallOutput Flush()
    {
        var rest = FlushText();
        return _calls?.Flush(rest) ?? new ToolCallOutput(rest, []);
    }

    /// <summary>Adds the tokens seen to a step's penalties.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="drafts">Guesses behind which an output stands: it counts only if they come true.</param>
    public void AddPenalties(StepInputs inputs, ReadOnlySpan<int> drafts) => _penalties?.CopyTo(inputs, drafts);

    private string FlushText()
    {
        if (MatchedStop is not null)
        {
            return "";
        }

        var text = Match(_detokenizer.Flush());
        return MatchedStop is null && _stops is not null ? text + _stops.Flush() : text;
    }

    private string Match(string text)
    {
        if (_stops is null || text.Length == 0 || OutputTokens <= Active.Source.MinTokens)
        {
            return text;
        }

        var match = _stops.Append(text);
        MatchedStop = match.Stop;
        return match.Text;
    }
}
