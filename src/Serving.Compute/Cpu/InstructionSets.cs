using Serving.Compute.Cpu.Interop;

namespace Serving.Compute.Cpu;

/// <summary>The names of the library's instruction sets, by their srv_isa number.</summary>
internal static class InstructionSets
{
    /// <summary>AMX's arithmetic in plain C++, never chosen by itself.</summary>
    public const string Emulated = "amx-emulated";

    /// <summary>Names by number.</summary>
    public static readonly string[] Names = ["avx2", "avx512", "avx512-bf16", "amx", Emulated];

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
