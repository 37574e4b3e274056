using Serving.Engine.Reasoning;

namespace Serving.Engine.Execution.Constraints;

/// <summary>How many tokens thoughts may have; behind them only their closing mark can come. Marks are single tokens. Immutable.</summary>
/// <param name="Tokens">The most, without marks.</param>
/// <param name="Marks">The tokens of the marks.</param>
/// <param name="Start">Where answers begin.</param>
public sealed record ThoughtBudget(int Tokens, ThoughtMarks Marks, ReasoningStart Start)
{
    /// <summary>Tokens before an opening mark at most: a line break or two. Behind anything else it is none.</summary>
    private const int MostBefore = 4;

    /// <summary>Whether the next token of an answer is the closing mark.</summary>
    public bool MustClose(ReadOnlySpan<int> answer)
    {
        var thoughts = Start == ReasoningStart.Thoughts ? 0 : answer[..Math.Min(answer.Length, MostBefore + 1)].IndexOf(Marks.Open) + 1;
        return (thoughts > 0 || Start == ReasoningStart.Thoughts) && answer.Length - thoughts >= Tokens && !answer[thoughts..].Contains(Marks.Close);
    }
}
