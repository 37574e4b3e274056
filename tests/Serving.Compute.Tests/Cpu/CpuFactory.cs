using Serving.Compute.Cpu;
using Serving.Compute.Tests.Contracts;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu;

/// <summary>Makes native backends for the contracts; a test skips where the library or the instruction set is missing.</summary>
internal static class CpuFactory
{
    /// <summary>A factory of backends that compute with one instruction set, and multiply integers with one.</summary>
    /// <param name="instructionSet">The instruction set.</param>
    /// <param name="threads">Threads; 0 for as many as there are processors.</param>
    /// <param name="integers">What multiplies integers.</param>
    /// <param name="real">
    /// Not emulated, unless everything is: <see cref="CpuEqualityTests"/> hold an emulated avx512 to the bits of avx2, and amx to those of amx-emulated, whose contracts run everywhere;
    /// of avx512-bf16, which has bits of its own, some run emulated, and the rest goes through the same kernels.
    /// </param>
    public static BackendFactory Of(string instructionSet, int threads = 0, string integers = CpuBackendOptions.AutomaticInstructionSet, bool real = false) => new($"cpu {instructionSet}", true, program =>
    {
        Require(instructionSet);
        Repository.RequiresHardware(!real || CpuEmulator.RunsEverything || !CpuEmulator.IsEmulated(instructionSet), $"this CPU lacks {instructionSet}, whose kernels other tests run emulated");
        Repository.RequiresHardware(integers == CpuBackendOptions.AutomaticInstructionSet || CpuBackend.IntegerInstructionSets.Contains(integers), $"this CPU lacks {integers}");
        return new CpuBackend(program, new CpuBackendOptions { InstructionSet = instructionSet, Threads = threads, IntegerInstructionSet = integers });
    });

    /// <summary>Skips the calling test unless the library is built and this machine has the instruction set, or emulates it.</summary>
    public static void Require(string instructionSet)
    {
        var available = CpuBackend.IsAvailable(out var reason);
        Repository.Requires(available, reason);
        Repository.RequiresHardware(CpuBackend.SupportedInstructionSets.Contains(instructionSet), $"this CPU lacks {instructionSet}");
    }
}
