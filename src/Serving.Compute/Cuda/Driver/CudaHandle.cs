using Microsoft.Win32.SafeHandles;

namespace Serving.Compute.Cuda.Driver;

/// <summary>Something of the driver's that lives in a context and keeps it open; it is given back with that context current, on whichever thread.</summary>
internal abstract class CudaHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly bool _referenced;

    /// <summary>Takes over a handle that was made in <paramref name="context"/>.</summary>
    protected CudaHandle(CudaContext context, nint value)
        : base(ownsHandle: true)
    {
        Context = context;
        context.DangerousAddRef(ref _referenced);
        SetHandle(value);
        context.Add(this);
    }

    /// <summary>The context.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's handle; valid as long as this is referenced and not disposed.</summary>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Gives the handle back to the driver.</summary>
    protected abstract CudaResult Release(nint value);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // A context that failed refuses this too; what it held went with it.
        var current = DriverApi.CtxSetCurrent(Context.DangerousGetHandle());
        var released = current == CudaResult.Success ? Release(handle) : current;
        Context.Remove(this);
        if (_referenced)
        {
            Context.DangerousRelease();
        }

        return released == CudaResult.Success || released.IsSticky();
    }
}
