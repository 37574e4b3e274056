namespace Serving.Compute.Cuda.Parallel;

/// <summary>How a <see cref="TensorParallelBackend"/> runs.</summary>
public sealed record TensorParallelOptions
{
    /// <summary>Numbers of the GPUs, one per rank.</summary>
    public required IReadOnlyList<int> Ordinals { get; init; }

    /// <summary>The same bits whatever else is in the batch: every rank's products as <see cref="CudaBackendOptions.Deterministic"/>, sums over ranks in their order.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Queue every launch by itself, decoding steps too.</summary>
    internal bool Eager { get; init; }
}
