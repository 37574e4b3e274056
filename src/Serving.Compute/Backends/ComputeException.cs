namespace Serving.Compute.Backends;

/// <summary>A device or native library failed in a way that no request caused: the backend cannot be used any more.</summary>
public class ComputeException : Exception
{
    /// <summary>Creates the exception with the reason.</summary>
    public ComputeException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with the reason and its cause.</summary>
    public ComputeException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
