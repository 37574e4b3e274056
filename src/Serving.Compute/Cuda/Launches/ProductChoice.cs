namespace Serving.Compute.Cuda.Launches;

/// <summary>What was measured of the two ways to multiply few rows with weights of one shape.</summary>
/// <param name="Outputs">Rows of the weight.</param>
/// <param name="Inputs">Columns of the weight.</param>
/// <param name="Rows">Rows that were multiplied.</param>
/// <param name="Planes">Planes of the kernel of our own.</param>
/// <param name="OwnSeconds">Seconds of a product by it, and of the kernel that writes its input.</param>
/// <param name="LibrarySeconds">The same by cuBLASLt.</param>
internal sealed record ProductChoice(int Outputs, int Inputs, int Rows, int Planes, double OwnSeconds, double LibrarySeconds)
{
    /// <summary>Whether the kernel of our own does the products of this shape.</summary>
    public bool IsOwn => OwnSeconds <= LibrarySeconds;
}
