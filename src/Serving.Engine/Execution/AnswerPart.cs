using Serving.Engine.ToolCalls;

namespace Serving.Engine.Execution;

/// <summary>What has become certain of an answer with a token, or with its end.</summary>
/// <param name="Reasoning">Thoughts.</param>
/// <param name="Text">Content behind them.</param>
/// <param name="Calls">What is new of calls.</param>
public readonly record struct AnswerPart(string Reasoning, string Text, IReadOnlyList<ToolCallDelta> Calls)
{
    /// <summary>Nothing.</summary>
    public static AnswerPart Empty { get; } = new("", "", []);

    /// <summary>Whether there is nothing to tell.</summary>
    public bool IsEmpty => Reasoning.Length == 0 && Text.Length == 0 && Calls.Count == 0;
}
