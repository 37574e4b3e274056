namespace Serving.Compute.Cuda.Driver;

/// <summary>cuBLASLt on one context, and the workspace that its products share (they run one after another on one stream).</summary>
internal sealed class CublasLt : CudaHandle
{
    /// <summary>What NVIDIA recommends for Hopper; older devices use less of it.</summary>
    public const long WorkspaceBytes = 32L << 20;

    private CublasLt(CudaContext context, nint handle)
        : base(context, handle)
    {
        Workspace = CudaDeviceBuffer.Allocate(context, WorkspaceBytes);
    }

    /// <summary>Scratch of the products.</summary>
    public CudaDeviceBuffer Workspace { get; }

    /// <summary>Opens it. The caller has asked <see cref="CudaLibraries.TryLoadBlas"/>.</summary>
    public static CublasLt Create(CudaContext context)
    {
        context.MakeCurrent();
        CublasLtApi.Create(out var handle).ThrowIfFailed("cublasLtCreate");
        return new CublasLt(context, handle);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // There is none where the memory for it was refused.
            Workspace?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => CublasLtApi.Destroy(value) == CublasStatus.Success ? CudaResult.Success : CudaResult.InvalidHandle;
}
