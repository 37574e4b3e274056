using Microsoft.Win32.SafeHandles;

namespace Serving.Compute.Cuda.Driver;

/// <summary>A GPU's primary context, retained as long as this or anything made on it is open. A thread makes it current before it calls.</summary>
internal sealed class CudaContext : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly Lock _gate = new();

    // In the order in which they were made.
    private readonly List<CudaHandle> _open = [];

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
        try
        {
            context.MakeCurrent();
            return context;
        }
        catch
        {
            context.Dispose();
            throw;
        }
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

    /// <summary>
    /// Gives back what was made here and is still open, the last first: what constructors have left that failed halfway. Left to the finalizer it would hold the context open, and its
    /// memory, until some collection comes.
    /// </summary>
    public void CloseHandles()
    {
        CudaHandle[] open;
        lock (_gate)
        {
            open = [.. _open];
        }

        foreach (var handle in open.Reverse())
        {
            handle.Dispose();
        }
    }

    /// <summary>Notes what was made here; nothing of it is collected while the context lives.</summary>
    internal void Add(CudaHandle handle)
    {
        lock (_gate)
        {
            _open.Add(handle);
        }
    }

    /// <summary>It was given back.</summary>
    internal void Remove(CudaHandle handle)
    {
        lock (_gate)
        {
            _open.Remove(handle);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => DriverApi.DevicePrimaryCtxRelease(Device.Handle) == CudaResult.Success;
}
