using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>Device memory that is taken once and given back together. It starts as zeros: rows that no step has written are read by padded products.</summary>
internal sealed class DeviceArena(CudaContext context, CudaStream stream) : IDisposable
{
    private readonly List<CudaDeviceBuffer> _buffers = [];

    /// <summary>Takes memory.</summary>
    public CudaDeviceBuffer Take(long bytes)
    {
        var buffer = CudaDeviceBuffer.Allocate(context, Math.Max(1, bytes));
        _buffers.Add(buffer);
        buffer.Clear(stream);
        return buffer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
        }
    }
}
