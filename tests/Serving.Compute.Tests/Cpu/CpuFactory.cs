using Serving.Compute.Cpu;
using Serving.Compute.Tests.Contracts;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu;

/// <summary>Makes native backends for the contracts; a test skips where the library or the instruction set is missing.</summary>
internal static class CpuFactory
{
    /// <summary>A factory of backends that compute with one instruction set, and multiply integers with one.</summary>
    public static BackendFactory Of(string instructionSet, int threads = 0, string integers = CpuBackendOptions.AutomaticInstructionSet) => new($"cpu {instructionSet}", true, program =>
    {
        Require(instructionSet);
        Repository.RequiresHardware(integers == CpuBackendOptions.AutomaticInstructionSet || CpuBackend.IntegerInstructionSets.Contains(integers), $"this CPU lacks {integers}");
        return new CpuBackend(program, new CpuBackendOptions { InstructionSet = instructionSet, Threads = threads, IntegerInstructionSet = integers });
    });

    /// <summary>Skips the calling test unless the library is built and this machine has the instruction set.</summary>
    public static void Require(string instructionSet)
    {
        var available = CpuBackend.IsAvailable(out var reason);
        Repository.Requires(available, reason);
        Repository.RequiresHardware(CpuBackend.SupportedInstructionSets.Contains(instructionSet), $"this CPU lacks {instructionSet}");
    }
}
