namespace Serving.Compute.Cuda;

/// <summary>How a <see cref="CudaBackend"/> runs.</summary>
public sealed record CudaBackendOptions
{
    /// <summary>Number of the GPU.</summary>
    public int Ordinal { get; init; }

    /// <summary>One cuBLASLt algorithm per shape, without splits: the same bits whatever else is in the batch.</summary>
    public bool Deterministic { get; init; }

    /// <summary>
    /// On compute capability 9.0: attention of many rows by products of whole warpgroups. Its bits are not those that the same row has in a step of few rows, so that
    /// <see cref="Deterministic"/> leaves it alone.
    /// </summary>
    public bool WarpgroupProducts { get; init; } = true;

    /// <summary>
    /// What multiplies in steps of few rows; not asked in deterministic mode, where a row's product is the same in steps of any size. With matrices of integers it is the kernel of our own, unless this
    /// says <see cref="FewRowProducts.Library"/>: nothing else reads them as they are.
    /// </summary>
    public FewRowProducts FewRowProducts { get; init; }

    /// <summary>Where the kernels come from.</summary>
    internal Func<byte[]> Image { get; init; } = KernelImage.Read;

    /// <summary>Where the kernels of compute capability 9.0 come from; null where there are none.</summary>
    internal Func<byte[]?> HopperImage { get; init; } = KernelImage.ReadHopper;

    /// <summary>On compute capability 9.0, launch the kernels of a decoding step before those ahead of them have ended. The bits are the same.</summary>
    internal bool EarlyLaunches { get; init; } = true;

    /// <summary>The kernels without tensor cores, which the others are held to.</summary>
    internal bool PlainKernels { get; init; }

    /// <summary>Every op its own kernels: the ends of Linears apart from what follows them. The bits are those of the fused list.</summary>
    internal bool Unfused { get; init; }

    /// <summary>What adapters need runs before the base products instead of beside them. The bits are the same.</summary>
    internal bool OneStream { get; init; }

    /// <summary>Splits that attention of few rows is given out in at most; null to choose step by step. The bits are the same.</summary>
    internal int? AttentionPieces { get; init; }

    /// <summary>Bytes of a matrix of integers that are bf16 at a time.</summary>
    internal long DecodedBytes { get; init; } = Memory.DecodedSlabs.MostBytes;

    /// <summary>Queue every launch by itself, decoding steps too.</summary>
    internal bool Eager { get; init; }
}
