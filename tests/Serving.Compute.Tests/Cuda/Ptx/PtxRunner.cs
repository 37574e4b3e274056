using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Runs cases of the ptx table on a device, emulated or real.</summary>
internal sealed class PtxRunner : IDisposable
{
    private readonly CudaContext _context;
    private readonly CudaModule _module;
    private readonly CudaStream _stream;

    /// <param name="device">Where.</param>
    /// <param name="image">The table's PTX, or what stands for it.</param>
    public PtxRunner(CudaDevice device, ReadOnlySpan<byte> image)
    {
        _context = CudaContext.Create(device);
        _module = CudaModule.Load(_context, image);
        _stream = CudaStream.Create(_context);
    }

    /// <summary>Runs a case; null when it gave what it has to, otherwise the first words that differ.</summary>
    public string? Run(PtxCase one)
    {
        using var input = CudaDeviceBuffer.Allocate(_context, one.Input.Length * sizeof(uint));
        using var output = CudaDeviceBuffer.Allocate(_context, one.Expected.Length * sizeof(uint));
        input.CopyFrom<uint>(0, one.Input, _stream);
        output.Clear(_stream);
        _module.GetKernel(one.Kernel).Launch(_stream, one.Grid, one.Threads, one.SharedBytes, new Parameters(input.Address, output.Address));
        var actual = new uint[one.Expected.Length];
        output.CopyTo<uint>(0, actual, _stream);
        var wrong = Enumerable.Range(0, actual.Length).Where(i => !one.Agrees(one.Expected[i], actual[i])).ToList();
        return wrong.Count == 0
            ? null
            : $"{one}: {wrong.Count} of {actual.Length} words differ: " +
              string.Join(", ", wrong.Take(4).Select(i => $"[{i}] is 0x{actual[i]:x8} instead of 0x{one.Expected[i]:x8}"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _module.Dispose();
        _context.Dispose();
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Parameters(ulong Input, ulong Output);
}
