using Serving.Compute.Steps;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Execution.Drafts;
using Serving.Engine.Reasoning;
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
    private readonly ReasoningParser? _reasoning;
    private readonly ToolCallParser? _calls;
    private readonly PenaltyCounts? _penalties;
    private readonly SequenceDrafts _drafts = new();
    private int _openTokens;

    /// <summary>Starts the text of one choice.</summary>
    public SequenceState(ActiveRequest active, Tokenizer tokenizer, AnswerReaders readers)
    {
        ArgumentNullException.ThrowIfNull(active);
        ArgumentNullException.ThrowIfNull(readers);
        Active = active;
        _reasoning = readers.Reasoning.Begin(active.ReasoningStart);
        _calls = readers.Tools.Begin(active);
        _detokenizer = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true, readers.Markers(_reasoning is not null, _calls is not null));
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
    public AnswerPart Append(int token)
    {
        _drafts.OnToken(token);
        _penalties?.AddOutput(token);
        var text = _detokenizer.Append(token);
        var thoughts = "";
        if (_reasoning is not null)
        {
            var wasBehind = _reasoning.IsBehindThoughts;
            (thoughts, text) = _reasoning.Append(text);
            CountReasoning(_reasoning, wasBehind);
        }

        text = Match(text);
        return _calls?.Append(text) is { } output ? new AnswerPart(Shown(thoughts), output.Text, output.Calls) : new AnswerPart(Shown(thoughts), text, []);
    }

    /// <summary>Returns what was held back, at the end of a sequence.</summary>
    public AnswerPart Flush()
    {
        var (thoughts, rest) = FlushText();
        return _calls?.Flush(rest) is { } output ? new AnswerPart(Shown(thoughts), output.Text, output.Calls) : new AnswerPart(Shown(thoughts), rest, []);
    }

    /// <summary>Adds the tokens seen to a step's penalties.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="drafts">Guesses behind which an output stands: it counts only if they come true.</param>
    public void AddPenalties(StepInputs inputs, ReadOnlySpan<int> drafts) => _penalties?.CopyTo(inputs, drafts);

    private ReasoningOutput FlushText()
    {
        if (MatchedStop is not null)
        {
            return new ReasoningOutput("", "");
        }

        var rest = _detokenizer.Flush();
        var output = _reasoning?.Flush(rest) ?? new ReasoningOutput("", rest);
        var text = Match(output.Text);
        return output with { Text = MatchedStop is null && _stops is not null ? text + _stops.Flush() : text };
    }

    private string Shown(string thoughts) => Active.Source.IncludeReasoning ? thoughts : "";

    // Tokens of an opening mark count once it is known to be one, the closing mark's last token with the thoughts.
    private void CountReasoning(ReasoningParser reasoning, bool wasBehind)
    {
        if (wasBehind)
        {
            return;
        }

        _openTokens++;
        if (reasoning.HasThoughts)
        {
            Active.CountReasoning(_openTokens);
            _openTokens = 0;
        }
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
