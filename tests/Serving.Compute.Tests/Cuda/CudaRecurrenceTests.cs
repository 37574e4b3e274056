using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Recurrent states, by the CUDA backend on the emulated driver, its decoding steps recorded.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaRecurrenceTests : RecurrenceContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Deterministic;

    /// <summary>Adapters of experts are refused here; integers have the bits of what they stand for, and not those of the formulas (<see cref="CudaIntegerTests"/>); a mixture has the fewest layers that remember and attend.</summary>
    protected override TestShape Adjust(TestShape shape) => shape with { AdaptsExperts = false, Format = WeightFormat.BFloat16, Layers = shape.Experts > 0 ? 3 : shape.Layers };

    /// <inheritdoc/>
    protected override void RunEach(params Action[] variants) => CudaFactory.RunBeside(variants);

    /// <summary>Heads whose columns have no thread, or whose elements no register.</summary>
    [Theory]
    [InlineData(128, 256, true)]
    [InlineData(136, 128, false)]
    [InlineData(128, 272, false)]
    public void Supports_AnyHeads_RefusesLargerThanItsKernel(int keySize, int valueSize, bool taken)
    {
        var program = TestProgram.Create(TestShape.Hybrid with { Layers = 3, KeyHeads = 1, ValueHeads = 1, KeySize = keySize, ValueSize = valueSize }).Program;
        Assert.Equal(taken, CudaBackend.Supports(program, out var reason));
        Assert.Equal(!taken, reason.Contains($"this model's have {keySize} and {valueSize}", StringComparison.Ordinal));
    }

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}
