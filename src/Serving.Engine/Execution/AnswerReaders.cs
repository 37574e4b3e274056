using Serving.Engine.Channels;
using Serving.Engine.Reasoning;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>What tells the parts of an answer from each other: thoughts, content, calls of functions.</summary>
/// <param name="reasoning">Thoughts.</param>
/// <param name="tools">Calls.</param>
public sealed class AnswerReaders(ReasoningAnswers reasoning, ToolAnswers tools)
{
    private readonly SpokenTokens _all = new(new HashSet<int>([.. reasoning.Spoken.Ids, .. tools.Spoken.Ids]), reasoning.Spoken.Mark);

    /// <summary>Thoughts.</summary>
    public ReasoningAnswers Reasoning => reasoning;

    /// <summary>Calls.</summary>
    public ToolAnswers Tools => tools;

    /// <summary>Special tokens that have their text in an answer; null is none.</summary>
    /// <param name="ofReasoning">Whether thoughts are looked for in it.</param>
    /// <param name="ofTools">Whether calls are.</param>
    public SpokenTokens? Spoken(bool ofReasoning, bool ofTools) =>
        ofReasoning && ofTools ? _all : ofReasoning ? reasoning.Spoken : ofTools ? tools.Spoken : null;

    /// <summary>The reader of one choice.</summary>
    /// <param name="active">The request.</param>
    /// <param name="stops">The choice's stop strings.</param>
    public AnswerReader Begin(ActiveRequest active, AnswerStops stops)
    {
        ArgumentNullException.ThrowIfNull(active);
        if (reasoning.Format is { IsChannels: true } && active.ReasoningStart != ReasoningStart.Answer)
        {
            var (names, maxCalls, newId) = tools.Looked(active);
            var parser = new ChannelParser(reasoning.Spoken.Mark, active.ReasoningStart == ReasoningStart.Thoughts, names ?? new HashSet<string>(), maxCalls, newId);
            return new ChannelAnswerReader(parser, stops) { Spoken = reasoning.Spoken };
        }

        var (thoughts, calls) = (reasoning.Begin(active.ReasoningStart), tools.Begin(active));
        return new MarkedAnswerReader(thoughts, stops, calls) { Spoken = Spoken(thoughts is not null, calls is not null) };
    }
}
