using Serving.Compute.Cpu;

namespace Serving.Compute;

/// <summary>What computes.</summary>
public enum DeviceKind
{
    /// <summary>The native CPU backend where it can run, the managed one otherwise.</summary>
    Auto,

    /// <summary>The native CPU backend or nothing.</summary>
    Cpu,

    /// <summary>The managed backend.</summary>
    Managed,
}

/// <summary>Which device a model runs on.</summary>
public sealed record DeviceOptions
{
    /// <summary>What computes.</summary>
    public DeviceKind Device { get; init; }

    /// <summary>"auto", "avx2", "avx512", "avx512-bf16" or "amx"; "amx-emulated" is for tests.</summary>
    public string CpuIsa { get; init; } = CpuBackendOptions.AutomaticInstructionSet;

    /// <summary>Threads that compute, the engine's included; 0 lets the backend choose.</summary>
    public int Threads { get; init; }
}
