using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>
/// Keys and values of 8 bits, by the CUDA backend: of <see cref="KeyValueContract"/> the cases that go through every kernel and every copy of pages, as the emulator takes its time. The kernels' own tests
/// have all heads, windows and sinks.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaKeyValueTests : IDisposable
{
    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <summary>Heads of 128 and of an odd size, recorded steps, products of a warpgroup.</summary>
    [Theory]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    public void Execute_AsADaemonRuns_MatchesReference(string shape) => new Results(CudaFactory.Default).Execute_WholeSequence_MatchesReference(shape);

    [Fact]
    public void Execute_KernelsThatBeginEarly_MatchReference() => new Results(CudaFactory.OwnProducts).Execute_WholeSequence_MatchesReference("qwen2");

    [Fact]
    public void Execute_WithoutTensorCores_MatchesReference() => new Results(CudaFactory.Plain).Execute_WholeSequence_MatchesReference("qwen3");

    [Fact]
    public void Execute_TwoRanks_MatchReference() => new Results(ParallelFactory.Default, isShared: true).Execute_WholeSequence_MatchesReference("llama");

    [Theory]
    [InlineData(10, "wide")]
    [InlineData(3, "odd")]
    public void Execute_PartlyFilledPages_EqualFullOnes(int chunk, string shape) => new Results(CudaFactory.Deterministic).Execute_PartlyFilledPages_EqualFullOnes(chunk, shape);

    [Fact]
    public void Execute_CopiedPage_ContinuesAsItsOrigin() => new Results(CudaFactory.Deterministic).Execute_CopiedPage_ContinuesAsItsOrigin(5);

    [Fact]
    public void CopyFromHost_OtherPages_ContinueAsTheirOrigin() => new Results(CudaFactory.Deterministic).CopyFromHost_OtherPages_ContinueAsTheirOrigin();

    /// <summary>Heads of 64, which tensor cores take: steps of many rows and of one, alone and side by side with others that share pages.</summary>
    [Fact]
    public void Answer_InChunks_EqualsWhole() => new Invariance().Answer_InChunks_EqualsWhole("demo");

    [Fact]
    public void Answer_Recomputed_EqualsGenerated() => new Invariance().Answer_Recomputed_EqualsGenerated("demo");

    [Fact]
    public void Answer_OnSharedPages_EqualsAlone() => new Invariance().Answer_OnSharedPages_EqualsAlone("demo");

    private sealed class Results(BackendFactory factory, bool isShared = false) : BackendContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory { get; } = factory;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => (isShared ? ParallelFactory.Shareable(shape) : shape) with { KeyValues = KeyValueFormat.Int8 };
    }

    private sealed class Invariance : InvarianceContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory => CudaFactory.Deterministic;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8, HasMagnitudes = false };
    }
}
