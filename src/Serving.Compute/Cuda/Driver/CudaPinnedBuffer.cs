using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>Page-locked host memory: what the device copies from and to while the host goes on.</summary>
internal sealed unsafe class CudaPinnedBuffer : CudaHandle
{
    /// <summary>Every context sees it.</summary>
    private const uint Portable = 1;

    private CudaPinnedBuffer(CudaContext context, nint pointer, long bytes)
        : base(context, pointer)
    {
        Bytes = bytes;
    }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>Takes memory.</summary>
    /// <param name="context">Whose copies will use it most.</param>
    /// <param name="bytes">How much.</param>
    /// <param name="clear">Whether it starts as zeros; otherwise what it holds is undefined.</param>
    public static CudaPinnedBuffer Allocate(CudaContext context, long bytes, bool clear = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        context.MakeCurrent();
        DriverApi.MemHostAlloc(out var pointer, (nuint)bytes, Portable).ThrowIfFailed("cuMemHostAlloc");
        if (clear)
        {
            NativeMemory.Clear((void*)pointer, (nuint)bytes);
        }

        return new CudaPinnedBuffer(context, pointer, bytes);
    }

    /// <summary>The address of a range, for the driver.</summary>
    public byte* Pointer(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes - offset);
        return (byte*)Value + offset;
    }

    /// <summary>A range as values of a type. The buffer must outlive the span.</summary>
    public Span<T> Span<T>(long offset, int count)
        where T : unmanaged => new(Pointer(offset, (long)count * sizeof(T)), count);

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.MemFreeHost(value);
}
