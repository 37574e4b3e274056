using Microsoft.Win32.SafeHandles;

namespace Serving.Compute.Cuda.Driver;

/// <summary>A GPU's primary context, retained as long as this or anything made on it is open. A thread makes it current before it calls.</summary>
internal sealed class CudaContext : SafeHandleZeroOrMinusOneIsInvalid
{
    private CudaContext(CudaDevice device, nint context)
        : base(ownsHandle: true)
    {
        Device = device;
        SetHandle(context);
    }

    /// <summary>The GPU.</summary>
    public CudaDevice Device { get; }

    /// <summary>Retains a GPU's primary context and makes it the calling thread's.</summary>
    public static CudaContext Create(CudaDevice device)
    {
        DriverApi.DevicePrimaryCtxRetain(out var handle, device.Handle).ThrowIfFailed("cuDevicePrimaryCtxRetain");
        var context = new CudaContext(device, handle);
        context.MakeCurrent();
        return context;
    }

    /// <summary>Makes it the calling thread's context.</summary>
    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        DriverApi.CtxSetCurrent(handle).ThrowIfFailed("cuCtxSetCurrent");
    }

    /// <summary>Waits for everything on the device, and reports what of it failed.</summary>
    public void Synchronize()
    {
        MakeCurrent();
        DriverApi.CtxSynchronize().ThrowIfFailed("cuCtxSynchronize");
    }

    /// <summary>Bytes of device memory that are free, and all.</summary>
    public (long Free, long Total) Memory()
    {
        MakeCurrent();
        DriverApi.MemGetInfo(out var free, out var total).ThrowIfFailed("cuMemGetInfo_v2");
        return ((long)free, (long)total);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => DriverApi.DevicePrimaryCtxRelease(Device.Handle) == CudaResult.Success;
}
