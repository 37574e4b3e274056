namespace Serving.Compute.Managed;

/// <summary>How a <see cref="ManagedBackend"/> runs.</summary>
public sealed record ManagedBackendOptions
{
    /// <summary>The most threads that the backend computes with.</summary>
    public const int MaxThreads = 8;

    /// <summary>Threads that compute, the caller's included, 1 … 8; 0 takes as many as the machine gives, at most 8, minus one from 4 cores up.</summary>
    public int Threads { get; init; }

    /// <summary>Computes in fp32 throughout: activations, keys and values are not rounded to bf16, and pages hold floats.</summary>
    public bool Exact { get; init; }

    /// <summary>Width of the vectors in bits: 128, 256 or 512 (slow where the machine lacks them); 0 takes the widest that the machine accelerates.</summary>
    public int VectorBits { get; init; }
}
