using System.Runtime.InteropServices;
using Serving.Compute.Interop;

namespace Serving.Compute.Cuda.Driver;

/// <summary>
/// Finds the CUDA driver, cuBLASLt and NCCL, each once and only when it is asked for. The variable <see cref="DriverVariable"/> names another library
/// in place of all three: the emulator that the tests run on, which nothing ever takes by itself.
/// </summary>
internal static class CudaLibraries
{
    /// <summary>Environment variable with the path of a library that stands in for the driver.</summary>
    public const string DriverVariable = "SERVING_CUDA_DRIVER";

    private static readonly Lazy<(nint Handle, string Reason)> Driver = new(() => Load(DriverApi.Library, "the NVIDIA driver was not found (libcuda.so.1)", "libcuda.so.1"));
    private static readonly Lazy<(nint Handle, string Reason)> Blas = new(() =>
        Load(CublasLtApi.Library, "cuBLASLt was not found (libcublasLt.so.13 or .12; LD_LIBRARY_PATH may name its folder)", "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"));
    private static readonly Lazy<(nint Handle, string Reason)> Nccl = new(() => Load(NcclApi.Library, "NCCL was not found (libnccl.so.2; LD_LIBRARY_PATH may name its folder)", "libnccl.so.2"));

    /// <summary>The path that stands in for the driver, or null.</summary>
    public static string? Substitute { get; } = Environment.GetEnvironmentVariable(DriverVariable) is { Length: > 0 } path ? path : null;

    /// <summary>Whether the driver is loaded; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool TryLoadDriver(out string reason) => IsLoaded(Driver, out reason);

    /// <summary>Whether cuBLASLt is loaded; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool TryLoadBlas(out string reason) => IsLoaded(Blas, out reason);

    /// <summary>Whether NCCL is loaded, which takes part only where a model runs on several GPUs; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool TryLoadNccl(out string reason) => IsLoaded(Nccl, out reason);

    private static bool IsLoaded(Lazy<(nint Handle, string Reason)> library, out string reason)
    {
        reason = library.Value.Reason;
        return library.Value.Handle != 0;
    }

    private static (nint Handle, string Reason) Load(string import, string missing, params string[] names)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return (0, "the CUDA backend is for Linux on x64");
        }

        foreach (var name in Substitute is { } path ? [path] : names)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                LibraryRegistry.Add(import, handle);
                return (handle, string.Empty);
            }
        }

        return (0, Substitute is null ? missing : $"{DriverVariable} names {Substitute}, which cannot be loaded");
    }
}
