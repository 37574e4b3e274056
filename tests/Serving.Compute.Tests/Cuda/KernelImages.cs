using Serving.Compute.Cuda;

namespace Serving.Compute.Tests.Cuda;

/// <summary>The kernels' PTX, read once: it is megabytes, and most tests of the backend and of its kernels begin with it.</summary>
internal static class KernelImages
{
    /// <summary>What every device takes.</summary>
    public static byte[] Common { get; } = KernelImage.Read();

    /// <summary>What compute capability 9.0 alone takes; null where it was not built.</summary>
    public static byte[]? Hopper { get; } = KernelImage.ReadHopper();

    /// <summary>The options of a backend that takes them from here.</summary>
    public static CudaBackendOptions In(CudaBackendOptions options) => options with { Image = () => Common, HopperImage = () => Hopper };
}
