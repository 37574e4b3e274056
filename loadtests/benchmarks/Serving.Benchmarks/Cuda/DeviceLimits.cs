using Serving.Compute.Cuda.Driver;

namespace Serving.Benchmarks.Cuda;

/// <summary>What a device does at best, by the simplest work there is.</summary>
/// <param name="Name">The GPU.</param>
/// <param name="CopyRate">Bytes per second that a copy within the device reads and writes.</param>
/// <param name="HostRate">Bytes per second from pinned host memory.</param>
/// <param name="MatrixRate">bf16 operations per second of a large product by cuBLASLt.</param>
internal sealed record DeviceLimits(string Name, double CopyRate, double HostRate, double MatrixRate)
{
    private const int Repeats = 10;

    /// <summary>As figures.</summary>
    public IEnumerable<BenchmarkRow> Rows =>
    [
        new("device.copy", "copy within the device, read and written", CopyRate / 1e9, "GB/s", null, "measured: the bars are held against it"),
        new("device.host", "copy from pinned host memory", HostRate / 1e9, "GB/s", null, "measured: the bars are held against it"),
        new("device.matrix", "product of large bf16 matrices by cuBLASLt", MatrixRate / 1e12, "TFLOP/s", null, "measured: the bars are held against it"),
    ];

    /// <summary>How long it takes to read so many bytes, in words.</summary>
    public string Time(double bytes) => FormattableString.Invariant($"{bytes / 1e9:G4} GB / {CopyRate / 1e9:G4} GB/s = {bytes / CopyRate * 1e3:G4} ms");

    /// <summary>Measures them.</summary>
    public static DeviceLimits Measure(int ordinal, BenchmarkShape shape)
    {
        if (!CudaLibraries.TryLoadDriver(out var reason) || !CudaLibraries.TryLoadBlas(out reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        using var context = CudaContext.Create(CudaDevice.Get(ordinal));
        using var stream = CudaStream.Create(context);
        using var source = CudaDeviceBuffer.Allocate(context, shape.CopyBytes);
        using var target = CudaDeviceBuffer.Allocate(context, shape.CopyBytes);
        source.Clear(stream);
        target.Clear(stream);
        using var pinned = CudaPinnedBuffer.Allocate(context, Math.Min(shape.CopyBytes, 1L << 30));
        var copy = Seconds(context, stream, () => target.CopyFromAsync(0, source, 0, shape.CopyBytes, stream));
        var host = Seconds(context, stream, () => target.CopyFromAsync(0, pinned, 0, pinned.Bytes, stream));
        return new DeviceLimits(context.Device.Name, 2 * shape.CopyBytes / copy, pinned.Bytes / host, MatrixRateOf(context, stream, source, target, shape.MatrixSize));
    }

    /// <summary>Seconds on the device of the fastest of several runs.</summary>
    public static double Seconds(CudaContext context, CudaStream stream, Action queue)
    {
        using var start = CudaEvent.Create(context, timing: true);
        using var end = CudaEvent.Create(context, timing: true);
        var best = double.MaxValue;
        for (var i = 0; i < Repeats; i++)
        {
            start.Record(stream);
            queue();
            end.Record(stream);
            end.Synchronize();
            best = Math.Min(best, end.MillisecondsSince(start) / 1e3);
        }

        return best;
    }

    private static double MatrixRateOf(CudaContext context, CudaStream stream, CudaDeviceBuffer inputs, CudaDeviceBuffer output, int size)
    {
        using var blas = CublasLt.Create(context);
        using var product = new MatmulDescription(blas, size, size, size, size, size, CudaDataType.BFloat16);
        var algorithm = product.Choose(size, size, size, allowSplits: true);
        var bytes = (ulong)size * (ulong)size * 2;
        return 2.0 * size * size * size / Seconds(context, stream, () => product.Run(stream, in algorithm, inputs.Address, inputs.Address + bytes, output.Address, size));
    }
}
