using System.Text;

namespace Serving.Compute.Cuda.Driver;

/// <summary>A GPU as the driver describes it.</summary>
/// <param name="Ordinal">Its number, as in cuda:0.</param>
/// <param name="Handle">The driver's CUdevice.</param>
/// <param name="Name">"NVIDIA H200".</param>
/// <param name="Major">Major compute capability.</param>
/// <param name="Minor">Minor compute capability.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="SharedBytes">Shared memory that one block may ask for.</param>
/// <param name="MemoryBytes">Device memory.</param>
internal sealed record CudaDevice(int Ordinal, int Handle, string Name, int Major, int Minor, int Multiprocessors, int SharedBytes, long MemoryBytes)
{
    private const int MaxNameBytes = 256;

    /// <summary>"sm_90".</summary>
    public string Architecture => $"sm_{Major}{Minor}";

    /// <summary>How many GPUs the driver shows. Loads the driver; the caller has asked <see cref="CudaLibraries.TryLoadDriver"/>.</summary>
    /// <exception cref="CudaException">The driver does not start (no device: CUDA_ERROR_NO_DEVICE).</exception>
    public static int Count()
    {
        DriverApi.Init(0).ThrowIfFailed("cuInit");
        DriverApi.DeviceGetCount(out var count).ThrowIfFailed("cuDeviceGetCount");
        return count;
    }

    /// <summary>Describes the GPU of a number below <see cref="Count"/>.</summary>
    public static unsafe CudaDevice Get(int ordinal)
    {
        DriverApi.Init(0).ThrowIfFailed("cuInit");
        DriverApi.DeviceGet(out var device, ordinal).ThrowIfFailed("cuDeviceGet");
        DriverApi.DeviceTotalMem(out var bytes, device).ThrowIfFailed("cuDeviceTotalMem_v2");
        Span<byte> name = stackalloc byte[MaxNameBytes];
        fixed (byte* first = name)
        {
            DriverApi.DeviceGetName(first, name.Length, device).ThrowIfFailed("cuDeviceGetName");
        }

        return new CudaDevice(
            ordinal,
            device,
            Encoding.UTF8.GetString(name[..Math.Max(0, name.IndexOf((byte)0))]),
            Read(device, DeviceAttribute.ComputeCapabilityMajor),
            Read(device, DeviceAttribute.ComputeCapabilityMinor),
            Read(device, DeviceAttribute.MultiprocessorCount),
            Read(device, DeviceAttribute.MaxSharedMemoryPerBlockOptin),
            (long)bytes);
    }

    private static int Read(int device, DeviceAttribute attribute)
    {
        DriverApi.DeviceGetAttribute(out var value, attribute, device).ThrowIfFailed("cuDeviceGetAttribute");
        return value;
    }
}
