using Serving.Compute.Cpu.Interop;

namespace Serving.Compute.Cpu;

/// <summary>The names of the library's instruction sets, by their srv_isa number.</summary>
internal static class InstructionSets
{
    /// <summary>AMX's arithmetic in plain C++, never chosen by itself.</summary>
    public const string Emulated = "amx-emulated";

    /// <summary>Names by number.</summary>
    public static readonly string[] Names = ["avx2", "avx512", "avx512-bf16", "amx", Emulated];

    /// <summary>What multiplies integers, by its srv_integer_isa number; "auto" is the first.</summary>
    public static readonly string[] IntegerNames = [CpuBackendOptions.AutomaticInstructionSet, "avx2", "avx-vnni", "avx512-vnni"];

    /// <summary>Those that run here.</summary>
    public static IReadOnlyList<string> Supported()
    {
        if (!NativeLibraryLoader.TryLoad(out _))
        {
            return [];
        }

        var sets = NativeMethods.InstructionSets();
        return [.. Names.Where((_, index) => (sets >> index & 1) != 0)];
    }

    /// <summary>What multiplies integers here.</summary>
    public static IReadOnlyList<string> SupportedForIntegers()
    {
        var sets = NativeLibraryLoader.TryLoad(out _) ? NativeMethods.IntegerInstructionSets() : 0;
        return [.. IntegerNames.Where((_, index) => (sets >> index & 1) != 0)];
    }

    /// <summary>The number of the set that <paramref name="name"/> asks for, or -1 where it does not run here; "auto" is what the library finds fastest on this machine.</summary>
    public static int Choose(string name, IReadOnlyList<string> supported)
    {
        if (name == CpuBackendOptions.AutomaticInstructionSet)
        {
            return supported.Count == 0 ? -1 : NativeMethods.PreferredInstructionSet();
        }

        return supported.Contains(name) ? Array.IndexOf(Names, name) : -1;
    }
}
