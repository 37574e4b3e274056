using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Driver;

/// <summary>Failures of a device, planted in the emulator's second one.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaFailureTests
{
    private const int Device = 1;

    /// <summary>The codes after which a context is lost, and some after which it is not.</summary>
    [Theory]
    [InlineData(700, "CUDA_ERROR_ILLEGAL_ADDRESS", true)]
    [InlineData(714, "CUDA_ERROR_HARDWARE_STACK_ERROR", true)]
    [InlineData(716, "CUDA_ERROR_MISALIGNED_ADDRESS", true)]
    [InlineData(719, "CUDA_ERROR_LAUNCH_FAILED", true)]
    public void Synchronize_AfterFailure_NamesItAndStaysFailed(int code, string name, bool isFatal)
    {
        CudaEmulator.RequireEmulated();
        using var driver = new DriverFixture(Device);
        using var buffer = driver.Counting(64);
        CudaEmulator.FailAfter(Device, 0, code);
        var error = Assert.Throws<CudaException>(() =>
        {
            buffer.Clear(driver.Stream);
            driver.Stream.Synchronize();
        });
        Assert.Equal((name, code, isFatal), (error.CodeName, error.Code, error.IsFatal));
        Assert.Contains("planted", error.Message, StringComparison.Ordinal);
        Assert.Contains("planted", Assert.Throws<CudaException>(driver.Context.Synchronize).Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<ComputeException>(error);
    }

    [Fact]
    public void Allocate_MoreThanThereIs_IsOutOfMemoryAndNotFatal()
    {
        CudaEmulator.RequireEmulated();
        using var driver = new DriverFixture(Device);
        var error = Assert.Throws<CudaException>(() => CudaDeviceBuffer.Allocate(driver.Context, driver.Context.Device.MemoryBytes + 1));
        Assert.Equal(("cuMemAlloc_v2", "CUDA_ERROR_OUT_OF_MEMORY", 2, false), (error.Call, error.CodeName, error.Code, error.IsFatal));
        using var buffer = driver.Counting(64);
        Assert.Equal(DriverFixture.Bytes(64), driver.Read(buffer));
    }

    /// <summary>A kernel that fails ends the step it is in with the reason, and the backend after it; disposing it still works.</summary>
    [Fact]
    public void Execute_DeviceFails_IsAComputeException()
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        var test = TestProgram.Create(new TestShape());
        var factory = new BackendFactory("cuda:1", true, program => new CudaBackend(program, new CudaBackendOptions { Ordinal = Device }));
        using (var session = new BackendSession(factory, test))
        {
            new TestSequence(session).AddChunk([1, 2, 3]);
            CudaEmulator.FailAfter(Device, 5, 700);
            var error = Assert.ThrowsAny<ComputeException>(session.Execute);
            Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)", error.Message, StringComparison.Ordinal);
            Assert.ThrowsAny<ComputeException>(session.Execute);
        }
    }
}
