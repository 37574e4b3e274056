using System.Runtime.InteropServices;
using Serving.Compute.Interop;

namespace Serving.Compute.Cpu.Interop;

/// <summary>Finds libserving_cpu beside the assembly, loads it once and checks its version.</summary>
internal static class NativeLibraryLoader
{
    /// <summary>Names a library that is loaded instead, as tests do with the emulated instruction sets.</summary>
    private const string LibraryVariable = "SERVING_CPU_LIBRARY";

    private static readonly Lazy<(nint Handle, string Reason)> Loaded = new(Load);

    /// <summary>Whether the library is there and speaks this version of the ABI; <paramref name="reason"/> says why not.</summary>
    public static bool TryLoad(out string reason)
    {
        reason = Loaded.Value.Reason;
        return Loaded.Value.Handle != 0;
    }

    private static (nint Handle, string Reason) Load()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return (0, "the native CPU library is for Linux on x64");
        }

        var path = Environment.GetEnvironmentVariable(LibraryVariable) ?? Path.Combine(AppContext.BaseDirectory, $"lib{NativeMethods.Library}.so");
        if (!NativeLibrary.TryLoad(path, out var handle))
        {
            return (0, "the native CPU library was not built (it needs cmake and a C++ compiler)");
        }

        LibraryRegistry.Add(NativeMethods.Library, handle);
        return NativeMethods.AbiVersion() == NativeMethods.ExpectedAbiVersion
            ? (handle, string.Empty)
            : (0, "the native CPU library is of another version");
    }
}
