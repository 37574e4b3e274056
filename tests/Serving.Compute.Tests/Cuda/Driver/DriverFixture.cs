using Serving.Compute.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Driver;

/// <summary>A context and a stream on one of the emulator's devices.</summary>
internal sealed class DriverFixture : IDisposable
{
    private readonly int _ordinal;

    /// <summary>Opens a device; the second is for tests that break it.</summary>
    public DriverFixture(int ordinal = 0)
    {
        CudaEmulator.Require();
        Assert.True(CudaLibraries.TryLoadDriver(out var reason), reason);
        _ordinal = ordinal;
        Context = CudaContext.Create(CudaDevice.Get(ordinal));
        Stream = CudaStream.Create(Context);
    }

    /// <summary>The context.</summary>
    public CudaContext Context { get; }

    /// <summary>A stream.</summary>
    public CudaStream Stream { get; }

    /// <summary>A buffer with bytes 0, 1, 2 …</summary>
    public CudaDeviceBuffer Counting(int bytes)
    {
        var buffer = CudaDeviceBuffer.Allocate(Context, bytes);
        buffer.CopyFrom<byte>(0, Bytes(bytes), Stream);
        return buffer;
    }

    /// <summary>What a buffer holds.</summary>
    public byte[] Read(CudaDeviceBuffer buffer)
    {
        var bytes = new byte[buffer.Bytes];
        buffer.CopyTo<byte>(0, bytes, Stream);
        return bytes;
    }

    /// <summary>0, 1, 2 …</summary>
    public static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)i)];

    public void Dispose()
    {
        Stream.Dispose();
        Context.Dispose();
        if (_ordinal > 0)
        {
            CudaEmulator.Reset(_ordinal);
        }
    }
}
