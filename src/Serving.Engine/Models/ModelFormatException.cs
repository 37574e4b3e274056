namespace Serving.Engine.Models;

/// <summary>A model cannot be served: a file of it is missing, malformed, or asks for arithmetic that is not implemented.</summary>
public sealed class ModelFormatException : MalformedFileException
{
    /// <summary>Creates the exception with the reason.</summary>
    public ModelFormatException(string reason)
        : base(reason)
    {
    }

    /// <summary>Creates the exception with the reason and its cause.</summary>
    public ModelFormatException(string reason, Exception inner)
        : base(reason, inner)
    {
    }
}
