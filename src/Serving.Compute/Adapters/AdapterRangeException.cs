namespace Serving.Compute.Adapters;

/// <summary>An adapter's numbers are finite, and what is computed of them is not: it is unfit for its model, and nothing is wrong with the device.</summary>
public sealed class AdapterRangeException : Exception
{
    /// <summary>Creates the exception with what is out of range.</summary>
    public AdapterRangeException(string message)
        : base(message)
    {
    }
}
