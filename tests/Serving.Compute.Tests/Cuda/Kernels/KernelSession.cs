using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>
/// Launches single kernels on the first device: buffers of exactly the size that is asked for, so that the emulator sees an access beside them.
/// Disposing fails the test when the emulator's checks found anything.
/// </summary>
internal sealed class KernelSession : IDisposable
{
    private readonly CudaContext _context;
    private readonly CudaModule _module;
    private readonly CudaModule? _hopper;
    private readonly CudaStream _stream;
    private readonly Dictionary<ulong, CudaDeviceBuffer> _buffers = [];

    /// <summary>Opens the device; skips the test where the emulator was not built.</summary>
    public KernelSession()
    {
        CudaEmulator.Require();
        Assert.True(CudaLibraries.TryLoadDriver(out var reason), reason);
        _context = CudaContext.Create(CudaDevice.Get(0));
        _module = CudaModule.Load(_context, PlantedKernel.Current?.Image ?? KernelImages.Common);
        if (_context.Device is { Major: 9, Minor: 0 } && (PlantedKernel.Current?.Image ?? KernelImages.Hopper) is { } image)
        {
            _hopper = CudaModule.Load(_context, image);
        }

        _stream = CudaStream.Create(_context);
    }

    /// <summary>Skips the calling test where the kernels for compute capability 9.0 cannot run.</summary>
    public void RequireHopper() => Repository.RequiresHardware(_hopper is not null, "the device is not of compute capability 9.0, or its kernels were not built");

    /// <summary>Takes memory that nothing has written.</summary>
    public ulong Allocate<T>(int count)
        where T : unmanaged
    {
        var buffer = CudaDeviceBuffer.Allocate(_context, Math.Max(1, count) * (long)System.Runtime.CompilerServices.Unsafe.SizeOf<T>());
        _buffers.Add(buffer.Address, buffer);
        return buffer.Address;
    }

    /// <summary>Takes memory for values and copies them to it.</summary>
    public ulong Upload<T>(params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var address = Allocate<T>(values.Length);
        if (values.Length > 0)
        {
            _buffers[address].CopyFrom(0, values, _stream);
        }

        return address;
    }

    /// <summary>Copies values over the first of a buffer.</summary>
    public void Write<T>(ulong address, ReadOnlySpan<T> values)
        where T : unmanaged => _buffers[address].CopyFrom(0, values, _stream);

    /// <summary>Copies values from the device.</summary>
    public T[] Download<T>(ulong address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        _buffers[address].CopyTo(0, values.AsSpan(), _stream);
        return values;
    }

    /// <summary>Queues a kernel, or the copy of it with a mistake that is planted now: one that waits by itself for those before it need not wait for them to begin.</summary>
    public void Queue<T>(string name, CudaGrid grid, int threads, int sharedBytes, in T parameters)
        where T : unmanaged
    {
        var early = _hopper is not null && KernelSet.WaitingByThemselves.Contains(name);
        var module = early || name.Contains("_wgmma", StringComparison.Ordinal) ? _hopper! : _module;
        var kernel = module.GetKernel(PlantedKernel.Current?.Substitute(name) ?? name);
        kernel.AllowSharedBytes(sharedBytes);
        kernel.Launch(_stream, grid, threads, sharedBytes, parameters, early);
    }

    /// <summary>Runs a kernel to its end, as <see cref="Queue"/> does.</summary>
    public void Launch<T>(string name, CudaGrid grid, int threads, int sharedBytes, in T parameters)
        where T : unmanaged
    {
        Queue(name, grid, threads, sharedBytes, parameters);
        Settle(name);
    }

    /// <summary>Runs what is queued to its end.</summary>
    public void Settle(string name = "queued kernels")
    {
        try
        {
            _stream.Synchronize();
        }
        catch (CudaException exception)
        {
            Assert.Fail($"{name}: {exception.Message}\n{CudaEmulator.Findings()}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers.Values)
        {
            buffer.Dispose();
        }

        _stream.Dispose();
        _hopper?.Dispose();
        _module.Dispose();
        _context.Dispose();
        Assert.Empty(CudaEmulator.Findings());
    }
}
