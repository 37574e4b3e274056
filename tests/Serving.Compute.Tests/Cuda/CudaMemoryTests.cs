using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>What the backend says that it will take of a device's memory is what it takes: the memory plan rests on it.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaMemoryTests
{
    private const int Pages = 20;

    /// <summary>Bytes that an allocation is rounded up to.</summary>
    private const long Rounding = 512;

    /// <summary>More buffers than a step has.</summary>
    private const int Buffers = 40;

    /// <summary>On one device, and on each of two that share a program out and add up sums in their order.</summary>
    [Theory]
    [InlineData(8, 2, 4, 64, 1)]
    [InlineData(200, 16, 200, 1000, 64)]
    [InlineData(64, 64, 8, 4096, 300)]
    public void AllocatePool_AnyLimits_TakesWhatWasSaid(int rows, int sequences, int outputs, int context, int slots)
    {
        CudaEmulator.RequireEmulated();
        var limits = new StepLimits(rows, sequences, outputs, context);
        var dense = ParallelFactory.Shareable(new TestShape());
        foreach (var (factory, shape) in new[] { (CudaFactory.Default, dense), (CudaFactory.Default, dense with { Format = WeightFormat.Int8 }), (CudaFactory.Default, dense with { Format = WeightFormat.Int4 }), (CudaFactory.Default, TestShape.Mixture), (CudaFactory.Default, TestShape.Mixture with { Format = WeightFormat.Int4 }), (CudaFactory.Default, TestShape.Hybrid), (ParallelFactory.Default, dense), (ParallelFactory.Deterministic, dense) })
        {
            var test = TestProgram.Create(shape);
            using var backend = factory.Create(test.Program);
            var before = backend.DeviceMemory!.FreeBytes;
            test.LoadInto(backend);
            var loaded = backend.DeviceMemory!.FreeBytes;
            var weights = test.Program.Weights.Sum(weight => backend.PackedBytes(weight.Index));
            Assert.InRange(before - loaded, weights, weights + (Rounding * test.Program.Weights.Count));
            backend.AllocatePool(new PoolShape(Pages, backend.PageBytes, slots), limits);
            var taken = loaded - backend.DeviceMemory!.FreeBytes - (Pages * backend.PageBytes);
            Assert.InRange(taken - backend.StepBytes(limits, slots)!.Value, 0, Rounding * Buffers);
        }
    }
}
