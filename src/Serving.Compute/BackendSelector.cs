using Serving.Compute.Backends;
using Serving.Compute.Cpu;
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
        if (options.Device == DeviceKind.Managed)
        {
            return Managed(program, options, string.Empty);
        }

        if (!CpuBackend.IsAvailable(out var reason) || !CpuBackend.Supports(program, out reason))
        {
            // A named instruction set is a demand on the native backend: the managed one would not honour it.
            var demanded = options.Device == DeviceKind.Cpu || options.CpuIsa != CpuBackendOptions.AutomaticInstructionSet;
            return demanded ? throw new PlatformNotSupportedException(reason) : Managed(program, options, reason);
        }

        return new SelectedBackend(new CpuBackend(program, new CpuBackendOptions { InstructionSet = options.CpuIsa, Threads = options.Threads }), string.Empty);
    }

    private static SelectedBackend Managed(ModelProgram program, DeviceOptions options, string note) =>
        new(new ManagedBackend(program, new ManagedBackendOptions { Threads = Math.Min(options.Threads, ManagedBackendOptions.MaxThreads) }), note);
}
