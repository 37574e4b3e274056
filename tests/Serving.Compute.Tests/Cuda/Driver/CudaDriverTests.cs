using System.Text;
using Serving.Compute.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Driver;

/// <summary>The binding against the emulated driver: what is made, copied, ordered, recorded.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaDriverTests
{
    [Fact]
    public void Device_First_IsDescribed()
    {
        using var driver = new DriverFixture();
        var device = driver.Context.Device;
        Assert.InRange(CudaDevice.Count(), 1, 64);
        Assert.NotEmpty(device.Name);
        Assert.Equal($"sm_{device.Major}{device.Minor}", device.Architecture);
        Assert.True(device.Multiprocessors > 0 && device.SharedBytes >= 96 << 10);
        var (free, total) = driver.Context.Memory();
        Assert.Equal(device.MemoryBytes, total);
        using var buffer = CudaDeviceBuffer.Allocate(driver.Context, 64 << 20);
        Assert.InRange(driver.Context.Memory().Free, 0, free - (64 << 20));
    }

    [Fact]
    public void Buffers_Copied_HoldWhatWasWritten()
    {
        using var driver = new DriverFixture();
        using var first = driver.Counting(200);
        using var second = CudaDeviceBuffer.Allocate(driver.Context, 300);
        second.Clear(driver.Stream);
        second.CopyFromAsync(50, first, 100, 100, driver.Stream);
        var expected = new byte[300];
        DriverFixture.Bytes(200).AsSpan(100).CopyTo(expected.AsSpan(50));
        Assert.Equal(expected, driver.Read(second));
    }

    [Fact]
    public void Copy_PastTheEnd_IsRefusedHere()
    {
        using var driver = new DriverFixture();
        using var buffer = driver.Counting(64);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.CopyFrom<byte>(1, new byte[64], driver.Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.CopyTo<byte>(-1, new byte[2], driver.Stream));
    }

    /// <summary>An asynchronous copy reads pinned memory when the stream gets there: what was put in before an event is what arrives.</summary>
    [Fact]
    public void PinnedCopies_InStreamOrder_ArriveAtTheEvent()
    {
        using var driver = new DriverFixture();
        using var up = CudaPinnedBuffer.Allocate(driver.Context, 64);
        using var down = CudaPinnedBuffer.Allocate(driver.Context, 64);
        using var buffer = CudaDeviceBuffer.Allocate(driver.Context, 64);
        using var done = CudaEvent.Create(driver.Context);
        Assert.True(done.IsDone());
        DriverFixture.Bytes(64).CopyTo(up.Span<byte>(0, 64));
        buffer.CopyFromAsync(0, up, 0, 64, driver.Stream);
        buffer.CopyToAsync(0, down, 0, 64, driver.Stream);
        done.Record(driver.Stream);
        done.Synchronize();
        Assert.True(done.IsDone());
        Assert.Equal(DriverFixture.Bytes(64), down.Span<byte>(0, 64).ToArray());
        driver.Stream.Synchronize();
        Assert.True(driver.Stream.IsIdle());
    }

    /// <summary>A stream that waits for another's event sees what that one wrote.</summary>
    [Fact]
    public void Wait_OtherStreamsEvent_OrdersTheirWork()
    {
        using var driver = new DriverFixture();
        using var other = CudaStream.Create(driver.Context);
        using var written = CudaEvent.Create(driver.Context);
        using var source = driver.Counting(128);
        using var target = CudaDeviceBuffer.Allocate(driver.Context, 128);
        target.Clear(driver.Stream);
        driver.Stream.Synchronize();
        target.CopyFromAsync(0, source, 0, 128, other);
        written.Record(other);
        driver.Stream.Wait(written);
        Assert.Equal(DriverFixture.Bytes(128), driver.Read(target));
    }

    [Fact]
    public void TimedEvents_InOrder_MeasureForward()
    {
        using var driver = new DriverFixture();
        using var start = CudaEvent.Create(driver.Context, timing: true);
        using var end = CudaEvent.Create(driver.Context, timing: true);
        start.Record(driver.Stream);
        using var buffer = driver.Counting(64);
        end.Record(driver.Stream);
        end.Synchronize();
        Assert.True(end.MillisecondsSince(start) >= 0);
    }

    /// <summary>A recording does nothing by itself; launched, it does all of it again on what the buffers hold then.</summary>
    [Fact]
    public void Graph_LaunchedTwice_WorksOnWhatIsThereThen()
    {
        using var driver = new DriverFixture();
        using var source = driver.Counting(64);
        using var target = CudaDeviceBuffer.Allocate(driver.Context, 64);
        target.Clear(driver.Stream);
        driver.Stream.BeginCapture();
        target.CopyFromAsync(0, source, 0, 64, driver.Stream);
        using var graph = driver.Stream.EndCapture();
        Assert.Equal(new byte[64], driver.Read(target));
        graph.Launch(driver.Stream);
        Assert.Equal(DriverFixture.Bytes(64), driver.Read(target));
        source.CopyFrom<byte>(0, new byte[64], driver.Stream);
        graph.Launch(driver.Stream);
        Assert.Equal(new byte[64], driver.Read(target));
    }

    [Fact]
    public void Capture_Abandoned_LeavesTheStreamUsable()
    {
        using var driver = new DriverFixture();
        using var buffer = driver.Counting(64);
        driver.Stream.BeginCapture();
        buffer.Clear(driver.Stream);
        driver.Stream.AbandonCapture();
        Assert.Equal(DriverFixture.Bytes(64), driver.Read(buffer));
    }

    [Fact]
    public void Module_NoPtx_FailsWithTheDriversWords()
    {
        CudaEmulator.RequireEmulated();
        using var driver = new DriverFixture();
        var error = Assert.Throws<CudaException>(() => CudaModule.Load(driver.Context, Encoding.ASCII.GetBytes("this is no PTX")));
        Assert.Equal(("cuModuleLoadDataEx", "CUDA_ERROR_INVALID_IMAGE", 200, false), (error.Call, error.CodeName, error.Code, error.IsFatal));
        Assert.Contains("neither PTX", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernel_Unknown_IsNamed()
    {
        using var driver = new DriverFixture();
        using var module = CudaModule.Load(driver.Context, Compute.Cuda.KernelImage.Read());
        var error = Assert.Throws<CudaException>(() => module.GetKernel("srv_no_such_kernel"));
        Assert.Equal(("CUDA_ERROR_NOT_FOUND", 500), (error.CodeName, error.Code));
        Assert.Contains("srv_no_such_kernel", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Handles_Disposed_AreRefused()
    {
        using var driver = new DriverFixture();
        var buffer = driver.Counting(64);
        var stream = CudaStream.Create(driver.Context);
        stream.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => buffer.Clear(driver.Stream));
    }

    /// <summary>What lives in a context keeps it open, whatever is closed first and on which thread.</summary>
    [Fact]
    public void Context_ClosedFirst_OutlivesItsBuffers()
    {
        CudaEmulator.Require();
        using var driver = new DriverFixture();
        var context = CudaContext.Create(driver.Context.Device);
        var buffer = CudaDeviceBuffer.Allocate(context, 64 << 20);
        var before = driver.Context.Memory().Free;
        context.Dispose();
        var thread = new Thread(buffer.Dispose);
        thread.Start();
        thread.Join();
        Assert.True(driver.Context.Memory().Free > before);
    }
}
