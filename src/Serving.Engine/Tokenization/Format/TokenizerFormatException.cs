namespace Serving.Engine.Tokenization;

/// <summary>
/// A tokenizer's files are malformed, too large, or ask for something that is not supported; the message names it.
/// It is the only exception that reading a tokenizer's bytes lets out.
/// </summary>
public sealed class TokenizerFormatException : Exception
{
    /// <summary>Creates the exception with the reason.</summary>
    public TokenizerFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with the reason and what caused it.</summary>
    public TokenizerFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
