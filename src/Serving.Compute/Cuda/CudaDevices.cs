using System.Diagnostics.CodeAnalysis;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda;

/// <summary>Looks for a GPU that the kernels run on.</summary>
internal static class CudaDevices
{
    /// <summary>The PTX is made for sm_80 and up.</summary>
    private const int MinMajor = 8;

    /// <summary>A test double of a driver is in the driver's place: no one takes its device who was not told to.</summary>
    public static bool IsSubstituted => CudaLibraries.Substitute is not null;

    /// <summary>The driver is installed.</summary>
    public static bool HasDriver => CudaLibraries.TryLoadDriver(out _);

    /// <summary>Finds the GPU of a number; <paramref name="reason"/> is one line for people when there is none or it cannot be used.</summary>
    public static bool TryGet(int ordinal, [NotNullWhen(true)] out CudaDevice? device, out string reason)
    {
        device = null;
        if (!CudaLibraries.TryLoadDriver(out reason))
        {
            return false;
        }

        try
        {
            var count = CudaDevice.Count();
            if (ordinal >= count)
            {
                reason = $"there is no GPU {ordinal}: the driver shows {count}";
                return false;
            }

            var found = CudaDevice.Get(ordinal);
            reason = found.Major < MinMajor ? $"{found.Name} has compute capability {found.Major}.{found.Minor}; the CUDA kernels need {MinMajor}.0" : string.Empty;
            if (reason.Length == 0 && KernelImage.Exists(out reason) && CudaLibraries.TryLoadBlas(out reason))
            {
                device = found;
            }
        }
        catch (CudaException exception)
        {
            reason = exception.Message;
        }

        return device is not null;
    }
}
