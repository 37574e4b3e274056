using Serving.Engine.Reasoning;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>Reads answers that begin with thoughts, in marks of their own, and have content and calls behind them, in which stop strings are looked for as they stand there.</summary>
/// <param name="reasoning">Thoughts; null where none are looked for.</param>
/// <param name="stops">Stop strings.</param>
/// <param name="calls">Calls; null where none are looked for.</param>
internal sealed class MarkedAnswerReader(ReasoningParser? reasoning, AnswerStops stops, ToolCallParser? calls) : AnswerReader
{
    /// <inheritdoc/>
    public override bool IsThinking => reasoning is { HasThoughts: true, IsBehindThoughts: false };

    /// <inheritdoc/>
    public override bool IsUndecided => reasoning is { HasThoughts: false, IsBehindThoughts: false };

    /// <inheritdoc/>
    public override int Calls => calls?.Calls ?? 0;

    /// <inheritdoc/>
    public override bool IsDone => calls is { IsDone: true };

    /// <inheritdoc/>
    public override AnswerPart Append(string text)
    {
        var output = reasoning?.Append(text) ?? new ReasoningOutput("", text);
        var certain = stops.Append(output.Text);
        return calls?.Append(certain) is { } read ? new AnswerPart(output.Thoughts, read.Text, read.Calls) : new AnswerPart(output.Thoughts, certain, []);
    }

    /// <inheritdoc/>
    public override AnswerPart Flush(string rest)
    {
        var output = stops.Matched is not null ? default : reasoning?.Flush(rest) ?? new ReasoningOutput("", rest);
        var text = stops.Matched is not null ? "" : stops.Flush(output.Text);
        return calls?.Flush(text) is { } read ? new AnswerPart(output.Thoughts ?? "", read.Text, read.Calls) : new AnswerPart(output.Thoughts ?? "", text, []);
    }
}
