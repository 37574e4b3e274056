namespace Serving.Engine.Execution;

/// <summary>What tells the parts of an answer from each other: thoughts, content, calls of functions.</summary>
/// <param name="reasoning">Thoughts.</param>
/// <param name="tools">Calls.</param>
public sealed class AnswerReaders(ReasoningAnswers reasoning, ToolAnswers tools)
{
    private readonly HashSet<int> _all = [.. reasoning.Markers, .. tools.Markers];

    /// <summary>Thoughts.</summary>
    public ReasoningAnswers Reasoning => reasoning;

    /// <summary>Calls.</summary>
    public ToolAnswers Tools => tools;

    /// <summary>Special tokens that have their text in an answer; null is none.</summary>
    /// <param name="ofReasoning">Whether thoughts are looked for in it.</param>
    /// <param name="ofTools">Whether calls are.</param>
    public IReadOnlySet<int>? Markers(bool ofReasoning, bool ofTools) =>
        ofReasoning && ofTools ? _all : ofReasoning ? reasoning.Markers : ofTools ? tools.Markers : null;
}
