namespace Serving.Compute.Cpu;

/// <summary>How a <see cref="CpuBackend"/> runs.</summary>
public sealed record CpuBackendOptions
{
    /// <summary>Takes the best instruction set that this machine has.</summary>
    public const string AutomaticInstructionSet = "auto";

    /// <summary>Threads that compute, the caller's included; 0 takes min(cgroup quota, affinity), minus one from 4 cores up.</summary>
    public int Threads { get; init; }

    /// <summary>"avx2", "avx512", "avx512-bf16" or "amx" forces one, "amx-emulated" computes AMX's arithmetic in plain C++ for tests, "auto" takes what the library finds fastest on this machine.</summary>
    public string InstructionSet { get; init; } = AutomaticInstructionSet;

    /// <summary>
    /// What multiplies matrices of integers: "avx2", "avx-vnni" or "avx512-vnni"; "auto" takes the fastest that runs here and is no wider than <see cref="InstructionSet"/>.
    /// All give the same bits.
    /// </summary>
    public string IntegerInstructionSet { get; init; } = AutomaticInstructionSet;
}
