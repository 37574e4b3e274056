using Serving.Compute.Backends;

namespace Serving.Compute.Cuda.Steps;

/// <summary>An array within the block of a step.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Offset">Bytes from the block's start, a multiple of 16.</param>
/// <param name="Capacity">Elements it can hold.</param>
/// <param name="ElementBytes">Bytes of one.</param>
internal readonly record struct BlockSection(string Name, long Offset, int Capacity, int ElementBytes)
{
    /// <summary>Bytes from the block's start to the end of the first <paramref name="count"/> elements.</summary>
    /// <exception cref="ComputeException">More elements than memory was taken for.</exception>
    public long End(int count) => count <= Capacity ? Offset + ((long)count * ElementBytes) : throw new ComputeException($"A step has {count} {Name}, memory was taken for {Capacity}.");
}
