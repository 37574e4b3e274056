namespace Serving.Engine;

/// <summary>The engine cannot be started as configured; the message says why and what would do.</summary>
public sealed class EngineStartException : Exception
{
    /// <summary>Creates the exception with the reason.</summary>
    public EngineStartException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with the reason and its cause.</summary>
    public EngineStartException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
