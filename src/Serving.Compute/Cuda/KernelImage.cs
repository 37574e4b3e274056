using System.Text;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda;

/// <summary>The kernels' PTX, which the build carries beside the assembly.</summary>
internal static class KernelImage
{
    /// <summary>Its file name.</summary>
    public const string FileName = "serving_kernels.ptx";

    /// <summary>The file name of the kernels that only compute capability 9.0 takes.</summary>
    public const string HopperFileName = "serving_hopper.ptx";

    /// <summary>What the emulator takes for an image where no compiler has made PTX: it has the kernels in itself.</summary>
    public const string EmulatorImage = "serving cuda emulator";

    private static string FilePath => PathOf(FileName);

    /// <summary>Whether there is an image for the driver in use; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool Exists(out string reason)
    {
        reason = File.Exists(FilePath) || CudaLibraries.Substitute is not null ? string.Empty : "the CUDA kernels were not built (it takes nvcc or clang-19)";
        return reason.Length == 0;
    }

    /// <summary>Reads it, with a zero behind it, up to which a driver reads text.</summary>
    public static byte[] Read() => File.Exists(FilePath) ? Terminated(FilePath) : Encoding.ASCII.GetBytes(EmulatorImage);

    /// <summary>Reads the kernels for compute capability 9.0; null where the compiler did not make them.</summary>
    public static byte[]? ReadHopper() => File.Exists(PathOf(HopperFileName)) ? Terminated(PathOf(HopperFileName))
        : CudaLibraries.Substitute is not null ? Encoding.ASCII.GetBytes(EmulatorImage) : null;

    private static byte[] Terminated(string path)
    {
        using var file = File.OpenRead(path);
        var text = new byte[file.Length + 1];
        file.ReadExactly(text, 0, text.Length - 1);
        return text;
    }

    private static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
