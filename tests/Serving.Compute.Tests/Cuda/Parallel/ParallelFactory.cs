using Serving.Compute.Backends;
using Serving.Compute.Cuda.Parallel;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Driver;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>Makes backends of two ranks on the emulated driver's devices.</summary>
internal static class ParallelFactory
{
    /// <summary>As a daemon runs by itself.</summary>
    public static BackendFactory Default { get; } = Of("cuda:0,1", new TensorParallelOptions { Ordinals = [0, 1] });

    /// <summary>One algorithm per shape, sums in the order of the ranks.</summary>
    public static BackendFactory Deterministic { get; } = Of("cuda:0,1 deterministic", new TensorParallelOptions { Ordinals = [0, 1], Deterministic = true });

    /// <summary>A shape of the contracts with heads that two ranks can share out: an even number of them, which are not normed together, nor each by a weight of its own.</summary>
    public static TestShape Shareable(TestShape shape) => (shape.KvHeads % 2 == 0 ? shape : shape with { KvHeads = 2, Heads = shape.Heads > 3 ? 4 : 2 }) with { Olmo = false, Shared = 0, HeadNorm = shape.HeadNorm && !shape.Centred };

    /// <summary>Three ranks on <see cref="ThreeGpus"/>, in another order than the devices'.</summary>
    public static BackendFactory OfThree(bool deterministic) =>
        Of("cuda:2,0,1", new TensorParallelOptions { Ordinals = [2, 0, 1], Deterministic = deterministic });

    private static BackendFactory Of(string name, TensorParallelOptions options) => new(name, true, program => Create(program, options));

    private static IComputeBackend Create(ModelProgram program, TensorParallelOptions options)
    {
        TwoGpus.Require();
        return new TensorParallelBackend(program, options);
    }
}
