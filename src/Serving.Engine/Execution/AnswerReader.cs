using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>Tells the parts of one answer from each other: thoughts, content, calls of functions. Belongs to one answer, not thread-safe.</summary>
public abstract class AnswerReader
{
    /// <summary>Special tokens that have their text in the answer; null is none.</summary>
    public SpokenTokens? Spoken { get; init; }

    /// <summary>Whether the answer is in its thoughts.</summary>
    public abstract bool IsThinking { get; }

    /// <summary>Whether it is open what comes: tokens are a mark's, so far.</summary>
    public abstract bool IsUndecided { get; }

    /// <summary>Complete calls so far.</summary>
    public abstract int Calls { get; }

    /// <summary>Whether the answer has ended with a call.</summary>
    public abstract bool IsDone { get; }

    /// <summary>Takes more text; returns what has become certain.</summary>
    public abstract AnswerPart Append(string text);

    /// <summary>Ends the answer with the last of its text; returns what was held back.</summary>
    public abstract AnswerPart Flush(string rest);
}
