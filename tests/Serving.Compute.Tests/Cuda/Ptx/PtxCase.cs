using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>A launch of one kernel of the ptx table, and what it has to give by the definition of the instruction.</summary>
internal sealed record PtxCase(string Kernel, int Threads, uint[] Input, uint[] Expected)
{
    /// <summary>What sets it apart from other cases of the same kernel.</summary>
    public string Variant { get; init; } = string.Empty;

    /// <summary>Whether only compute capability 9.0 takes it.</summary>
    public bool Hopper { get; init; }

    /// <summary>Blocks.</summary>
    public CudaGrid Grid { get; init; } = new(1);

    /// <summary>Dynamic shared memory.</summary>
    public int SharedBytes { get; init; }

    /// <summary>Whether a word that the device gave (second) agrees with the expected one (first).</summary>
    public Func<uint, uint, bool> Agrees { get; init; } = (expected, actual) => expected == actual;

    /// <inheritdoc/>
    public override string ToString() => Variant.Length == 0 ? Kernel : $"{Kernel} {Variant}";
}
