using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>Memory of the device.</summary>
internal sealed unsafe class CudaDeviceBuffer : CudaHandle
{
    private CudaDeviceBuffer(CudaContext context, ulong address, long bytes)
        : base(context, (nint)address)
    {
        Bytes = bytes;
    }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>Its first byte, on the device; aligned to 256.</summary>
    public ulong Address => (ulong)Value;

    /// <summary>Takes memory; what it holds is undefined.</summary>
    /// <exception cref="CudaException">CUDA_ERROR_OUT_OF_MEMORY, most likely.</exception>
    public static CudaDeviceBuffer Allocate(CudaContext context, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        context.MakeCurrent();
        DriverApi.MemAlloc(out var address, (nuint)bytes).ThrowIfFailed("cuMemAlloc_v2");
        return new CudaDeviceBuffer(context, address, bytes);
    }

    /// <summary>Copies values to the device. From pageable memory, as here, the source is read before the stream's next synchronisation: keep it until then.</summary>
    public void CopyFrom<T>(long offset, ReadOnlySpan<T> values, CudaStream stream)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        Check(offset, bytes.Length);
        fixed (byte* source = bytes)
        {
            DriverApi.MemcpyHtoDAsync(Address + (ulong)offset, source, (nuint)bytes.Length, stream.Value).ThrowIfFailed("cuMemcpyHtoDAsync_v2");

            // The span is fixed until here only.
            stream.Synchronize();
        }
    }

    /// <summary>Queues a copy from pinned memory, which must keep its content until the stream has passed it.</summary>
    public void CopyFromAsync(long offset, CudaPinnedBuffer source, long sourceOffset, long bytes, CudaStream stream)
    {
        Check(offset, bytes);
        DriverApi.MemcpyHtoDAsync(Address + (ulong)offset, source.Pointer(sourceOffset, bytes), (nuint)bytes, stream.Value).ThrowIfFailed("cuMemcpyHtoDAsync_v2");
    }

    /// <summary>Queues a copy to pinned memory.</summary>
    public void CopyToAsync(long offset, CudaPinnedBuffer destination, long destinationOffset, long bytes, CudaStream stream)
    {
        Check(offset, bytes);
        DriverApi.MemcpyDtoHAsync(destination.Pointer(destinationOffset, bytes), Address + (ulong)offset, (nuint)bytes, stream.Value).ThrowIfFailed("cuMemcpyDtoHAsync_v2");
    }

    /// <summary>Copies from the device and waits for it.</summary>
    public void CopyTo<T>(long offset, Span<T> values, CudaStream stream)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        Check(offset, bytes.Length);
        fixed (byte* destination = bytes)
        {
            DriverApi.MemcpyDtoHAsync(destination, Address + (ulong)offset, (nuint)bytes.Length, stream.Value).ThrowIfFailed("cuMemcpyDtoHAsync_v2");
            stream.Synchronize();
        }
    }

    /// <summary>Queues a copy within the device.</summary>
    public void CopyFromAsync(long offset, CudaDeviceBuffer source, long sourceOffset, long bytes, CudaStream stream)
    {
        Check(offset, bytes);
        source.Check(sourceOffset, bytes);
        DriverApi.MemcpyDtoDAsync(Address + (ulong)offset, source.Address + (ulong)sourceOffset, (nuint)bytes, stream.Value).ThrowIfFailed("cuMemcpyDtoDAsync_v2");
    }

    /// <summary>Queues the setting of all bytes to zero.</summary>
    public void Clear(CudaStream stream) => DriverApi.MemsetD8Async(Address, 0, (nuint)Bytes, stream.Value).ThrowIfFailed("cuMemsetD8Async");

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.MemFree((ulong)value);

    private void Check(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes - offset);
    }
}
