namespace Serving.Engine.Grammars.Expressions;

/// <summary>A constraint that cannot be taken: malformed, known and not done, without any answer, or too large. The client is told the message.</summary>
public sealed class GrammarException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong and where, for the client: a sentence.</param>
    /// <param name="isNotSupported">It is right, but of a kind that is not done.</param>
    public GrammarException(string message, bool isNotSupported = false)
        : base(message) => IsNotSupported = isNotSupported;

    /// <summary>Whether it is right, but of a kind that is not done.</summary>
    public bool IsNotSupported { get; }
}
