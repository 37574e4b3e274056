using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Parallel;
using Serving.Compute.Managed;
using Serving.Compute.Programs;

namespace Serving.Compute;

/// <summary>A backend, and one line for people on why it is not the faster one (empty when it is).</summary>
public sealed record SelectedBackend(IComputeBackend Backend, string Note);

/// <summary>Makes the backend that the options ask for.</summary>
public static class BackendSelector
{
    /// <summary>Creates the backend for a program.</summary>
    /// <exception cref="PlatformNotSupportedException">The device or instruction set was asked for by name and does not run here; the message is for people.</exception>
    /// <exception cref="ComputeException">The operating system refused memory or threads.</exception>
    public static SelectedBackend Create(ModelProgram program, DeviceOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        return options.Device switch
        {
            DeviceKind.Managed => Managed(program, options, string.Empty),
            DeviceKind.Cuda => Cuda(program, options),
            DeviceKind.Cpu => Cpu(program, options),
            _ => FirstOf(program, options),
        };
    }

    /// <summary>Whether the options come to a CPU whatever the model is. Where a GPU is found it may still be one that cannot run a model, which is seen later.</summary>
    public static bool IsHost(DeviceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Device is DeviceKind.Cpu or DeviceKind.Managed || (options.Device == DeviceKind.Auto && !(MayUseGpu(options) && CudaBackend.IsAvailable(options.Ordinals[0], out _)));
    }

    /// <summary>
    /// Whether a GPU that the options come to multiplies with integers as they are in the steps where it counts: one GPU, and not in deterministic mode, where every step decodes them for cuBLASLt.
    /// </summary>
    public static bool ReadsIntegers(DeviceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options is { Deterministic: false, Ordinals.Count: 1 };
    }

    /// <summary>Who names an instruction set wants the CPU; and a test double of a driver is never taken by itself.</summary>
    private static bool MayUseGpu(DeviceOptions options) => options.CpuIsa == CpuBackendOptions.AutomaticInstructionSet && CudaBackend.IsCandidate;

    /// <summary>A GPU is a reason to have a driver: where there is none nothing is said, where there is one that cannot be used the note says why.</summary>
    private static SelectedBackend FirstOf(ModelProgram program, DeviceOptions options)
    {
        if (!MayUseGpu(options))
        {
            return Cpu(program, options);
        }

        if (!CudaBackend.IsAvailable(options.Ordinals[0], out var reason) || !CudaBackend.Supports(program, out reason))
        {
            return Cpu(program, options, $"the GPU is not used: {reason}");
        }

        try
        {
            return Cuda(program, options);
        }
        catch (ComputeException exception)
        {
            return Cpu(program, options, $"the GPU is not used: {exception.Message}");
        }
    }

    private static SelectedBackend Cuda(ModelProgram program, DeviceOptions options)
    {
        if (options.Ordinals.Count == 1)
        {
            var backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = options.Ordinals[0], Deterministic = options.Deterministic });
            return new SelectedBackend(backend, backend.Note);
        }

        var ranks = new TensorParallelBackend(program, new TensorParallelOptions { Ordinals = options.Ordinals, Deterministic = options.Deterministic });
        return new SelectedBackend(ranks, ranks.Note);
    }

    private static SelectedBackend Cpu(ModelProgram program, DeviceOptions options, string note = "")
    {
        if (!CpuBackend.IsAvailable(out var reason) || !CpuBackend.Supports(program, out reason))
        {
            // A named instruction set is a demand on the native backend: the managed one would not honour it.
            var demanded = options.Device == DeviceKind.Cpu || options.CpuIsa != CpuBackendOptions.AutomaticInstructionSet;
            return demanded ? throw new PlatformNotSupportedException(reason) : Managed(program, options, note.Length > 0 ? $"{note}; {reason}" : reason);
        }

        return new SelectedBackend(new CpuBackend(program, new CpuBackendOptions { InstructionSet = options.CpuIsa, Threads = options.Threads }), note);
    }

    private static SelectedBackend Managed(ModelProgram program, DeviceOptions options, string note) =>
        new(new ManagedBackend(program, new ManagedBackendOptions { Threads = Math.Min(options.Threads, ManagedBackendOptions.MaxThreads) }), note);
}
