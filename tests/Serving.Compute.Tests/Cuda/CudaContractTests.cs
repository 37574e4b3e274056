using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>The contract, held by the CUDA backend on the emulated driver.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaTests : BackendContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Deterministic;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}

/// <summary>The contract, held by the kernels that leave tensor cores alone.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaPlainTests : BackendContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Plain;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}

/// <summary>The sampling contract, held by the CUDA backend on the emulated driver.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaSamplingTests : SamplingContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Default;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}

/// <summary>The invariance contract, held by the CUDA backend in its deterministic mode.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaInvarianceTests : InvarianceContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Deterministic;

    /// <summary>Just over one split: the emulator checks every access, and attention's work grows with the square.</summary>
    protected override int LongPrompt => 530;

    /// <summary>Adapters of experts are refused here; DoRA meets the ends that do more than end a Linear, too, which heads of 18 do not have.</summary>
    protected override TestShape Adjust(TestShape shape) => shape with { AdaptsExperts = false, HasMagnitudes = shape.HasMagnitudes || shape is { Hidden: 256, HeadSize: 64 } };

    /// <inheritdoc/>
    protected override void RunEach(params Action[] variants) => CudaFactory.RunBeside(variants);

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}
