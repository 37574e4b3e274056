using Serving.Compute.Cpu;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Cuda;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests;

/// <summary>Which backend the options give.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class BackendSelectorTests
{
    [Fact]
    public void Create_Managed_IsManagedWithoutNote()
    {
        var (backend, note) = BackendSelector.Create(TestProgram.Create(new TestShape()).Program, new DeviceOptions { Device = DeviceKind.Managed });
        using (backend)
        {
            Assert.Equal("managed", backend.Name);
            Assert.Empty(note);
        }
    }

    [Fact]
    public void Create_Auto_IsNativeOrSaysWhyNot()
    {
        var available = CpuBackend.IsAvailable(out var reason);
        var (backend, note) = BackendSelector.Create(TestProgram.Create(new TestShape()).Program, new DeviceOptions { Threads = 1 });
        using (backend)
        {
            Assert.Equal(available ? "cpu" : "managed", backend.Name);
            Assert.Equal(reason, note);
            Assert.Equal(1, backend.ThreadCount);
        }
    }

    /// <summary>The emulator has to be asked for: <see cref="DeviceKind.Auto"/> above runs with it in the driver's place.</summary>
    [Fact]
    public void Create_Cuda_IsTheGpuThatWasAskedFor()
    {
        CudaEmulator.Require();
        var (backend, note) = BackendSelector.Create(TestProgram.Create(new TestShape()).Program, new DeviceOptions { Device = DeviceKind.Cuda });
        using (backend)
        {
            Assert.Equal("cuda", backend.Name);
            Assert.StartsWith("sm_", backend.InstructionSet, StringComparison.Ordinal);
            Assert.NotNull(backend.DeviceMemory);
            Assert.Empty(note);
        }
    }

    [Fact]
    public void Create_GpuThatIsNotThere_SaysHowManyThereAre()
    {
        CudaEmulator.Require();
        var options = new DeviceOptions { Device = DeviceKind.Cuda, Ordinals = [63] };
        var error = Assert.Throws<PlatformNotSupportedException>(() => BackendSelector.Create(TestProgram.Create(new TestShape()).Program, options));
        Assert.Contains("no GPU 63", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_Cuda_HeadsTooLarge_IsRefused()
    {
        CudaEmulator.Require();
        var program = TestProgram.Create(new TestShape { Heads = 1, KvHeads = 1, HeadSize = 514 }).Program;
        var error = Assert.Throws<PlatformNotSupportedException>(() => BackendSelector.Create(program, new DeviceOptions { Device = DeviceKind.Cuda }));
        Assert.Contains("514", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_Cuda_IntegersOnSeveralGpus_AreRefused()
    {
        CudaEmulator.Require();
        foreach (var shape in new[] { new TestShape(), TestShape.Mixture })
        {
            var program = TestProgram.Create(shape with { Format = WeightFormat.Int8 }).Program;
            var error = Assert.Throws<PlatformNotSupportedException>(() => BackendSelector.Create(program, new DeviceOptions { Device = DeviceKind.Cuda, Ordinals = [0, 1] }));
            Assert.Contains("integers", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Who looks at the files before there is a backend asks whether a CPU will round inputs, too; either takes every format of integers, those of experts among them.</summary>
    [Fact]
    public void IsHost_SaysWhetherInputsAreRounded()
    {
        Assert.True(BackendSelector.IsHost(new DeviceOptions { Device = DeviceKind.Cpu }));
        Assert.True(BackendSelector.IsHost(new DeviceOptions { Device = DeviceKind.Managed }));
        Assert.True(BackendSelector.IsHost(new DeviceOptions { CpuIsa = "avx2" }));
        Assert.False(BackendSelector.IsHost(new DeviceOptions { Device = DeviceKind.Cuda }));
        foreach (var format in (WeightFormat[])[WeightFormat.Int8, WeightFormat.Int4, WeightFormat.Int4Asymmetric, WeightFormat.Iq4, WeightFormat.Mxfp4])
        {
            Assert.True(CudaBackend.Supports(TestProgram.Create(new TestShape { Format = format }).Program, out _));
            Assert.True(CudaBackend.Supports(TestProgram.Create(TestShape.Mixture with { Format = format }).Program, out _));
        }
    }

    [Fact]
    public void ReadsIntegers_OneGpuThatNeedNotBeDeterministic_IsAllThatDoes()
    {
        Assert.True(BackendSelector.ReadsIntegers(new DeviceOptions { Device = DeviceKind.Cuda }));
        Assert.False(BackendSelector.ReadsIntegers(new DeviceOptions { Device = DeviceKind.Cuda, Deterministic = true }));
        Assert.False(BackendSelector.ReadsIntegers(new DeviceOptions { Device = DeviceKind.Cuda, Ordinals = [0, 1] }));
    }

    [Fact]
    public void Create_UnknownKernelsForIntegers_NamesWhatThereIs()
    {
        Repository.Requires(CpuBackend.IsAvailable(out var reason), reason);
        var program = TestProgram.Create(new TestShape { Format = WeightFormat.Int8 }).Program;
        var error = Assert.Throws<PlatformNotSupportedException>(() => new CpuBackend(program, new CpuBackendOptions { IntegerInstructionSet = "mmx" }));
        Assert.Contains("avx2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_HeadsTooLarge_IsManagedWithNote()
    {
        Repository.Requires(CpuBackend.IsAvailable(out var reason), reason);
        var program = TestProgram.Create(new TestShape { Heads = 1, KvHeads = 1, HeadSize = 514 }).Program;
        var (backend, note) = BackendSelector.Create(program, new DeviceOptions());
        using (backend)
        {
            Assert.Equal("managed", backend.Name);
            Assert.Contains("514", note, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Create_UnknownInstructionSet_NamesWhatThereIs()
    {
        var program = TestProgram.Create(new TestShape()).Program;
        var error = Assert.Throws<PlatformNotSupportedException>(() => BackendSelector.Create(program, new DeviceOptions { CpuIsa = "mmx" }));
        Assert.NotEmpty(error.Message);
    }

    [Theory]
    [InlineData("auto", DeviceKind.Auto, 0)]
    [InlineData("cpu", DeviceKind.Cpu, 0)]
    [InlineData("managed", DeviceKind.Managed, 0)]
    [InlineData("cuda", DeviceKind.Cuda, 0)]
    [InlineData("cuda:3", DeviceKind.Cuda, 3)]
    [InlineData("cuda:0,1", DeviceKind.Cuda, 0, 1)]
    [InlineData("cuda:0-3", DeviceKind.Cuda, 0, 1, 2, 3)]
    [InlineData("cuda:5,1-2", DeviceKind.Cuda, 5, 1, 2)]
    [InlineData("cuda:2-2", DeviceKind.Cuda, 2)]
    public void TryParseDevice_Names_AreRead(string text, DeviceKind device, params int[] ordinals)
    {
        Assert.True(DeviceOptions.TryParseDevice(text, out var kind, out var numbers));
        Assert.Equal(device, kind);
        Assert.Equal(ordinals, numbers);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:64")]
    [InlineData("cuda1")]
    [InlineData("cuda:0,")]
    [InlineData("cuda:,1")]
    [InlineData("cuda:0,0")]
    [InlineData("cuda:0-2,1")]
    [InlineData("cuda:3-1")]
    [InlineData("cuda:1-")]
    [InlineData("cuda:-")]
    [InlineData("cuda:0-1-2")]
    [InlineData("cuda:0-64")]
    [InlineData("cuda:0-99999999999")]
    [InlineData("CUDA")]
    public void TryParseDevice_AnythingElse_IsRefused(string text) => Assert.False(DeviceOptions.TryParseDevice(text, out _, out _));
}
