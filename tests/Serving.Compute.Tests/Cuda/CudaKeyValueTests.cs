using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Keys and values of 8 bits, by the CUDA backend in its deterministic mode: kernels on tensor cores for heads of 64 and 128, the general ones for others.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaKeyValueTests : KeyValueContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Deterministic;

    /// <summary>Just over one split, as in the contract of bf16.</summary>
    protected override int LongPrompt => 530;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}

/// <summary>What of it other ways of running touch: recorded steps, kernels that begin early, products of a warpgroup, two ranks.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaKeyValueWaysTests : IDisposable
{
    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    [Theory]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    public void Execute_AsADaemonRuns_MatchesReference(string shape) => new Results(CudaFactory.Default, false).Execute_WholeSequence_MatchesReference(shape);

    [Fact]
    public void Execute_KernelsThatBeginEarly_MatchReference() => new Results(CudaFactory.OwnProducts, false).Execute_WholeSequence_MatchesReference("qwen2");

    [Fact]
    public void Execute_WithoutTensorCores_MatchesReference() => new Results(CudaFactory.Plain, false).Execute_WholeSequence_MatchesReference("qwen3");

    [Fact]
    public void Execute_TwoRanks_MatchReference() => new Results(ParallelFactory.Default, true).Execute_WholeSequence_MatchesReference("llama");

    private sealed class Results(BackendFactory factory, bool isShared) : BackendContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory { get; } = factory;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => (isShared ? ParallelFactory.Shareable(shape) : shape) with { KeyValues = KeyValueFormat.Int8 };
    }
}
