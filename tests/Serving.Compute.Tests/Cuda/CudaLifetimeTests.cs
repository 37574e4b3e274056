using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda;

/// <summary>The CUDA backend's life: created, used out of order, used after its end.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaLifetimeTests
{
    [Fact]
    public void Execute_BeforeThePool_Fails()
    {
        using var backend = Create();
        Assert.Throws<ComputeException>(() => backend.Execute(new StepInputs(), new StepOutputs(new StepLimits(1, 1, 1, 16), 97)));
    }

    [Fact]
    public void Execute_MoreRowsThanTheLimit_Fails()
    {
        using var backend = Create();
        var limits = new StepLimits(2, 2, 2, 64);
        backend.AllocatePool(new PoolShape(4, 8192, 1), limits);
        var inputs = new StepInputs();
        for (var row = 0; row < 3; row++)
        {
            inputs.AddRow(1, row, 0, row);
        }

        Assert.Throws<ComputeException>(() => backend.Execute(inputs, new StepOutputs(limits, 97)));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(8193)]
    public void AllocatePool_PagesThatDoNotFitTheModel_Fails(long pageBytes)
    {
        using var backend = Create();
        Assert.Throws<ComputeException>(() => backend.AllocatePool(new PoolShape(4, pageBytes, 1), new StepLimits(2, 2, 2, 64)));
    }

    [Fact]
    public void LoadWeight_RowsBeyondTheWeight_Fails()
    {
        using var backend = Create();
        Assert.Throws<ComputeException>(() => backend.LoadWeight(0, 96, new ushort[2 * 64]));
    }

    [Fact]
    public void PackAdapter_PageOrSlotThatIsNotThere_Fails()
    {
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(CudaFactory.Default, test);
        using var adapter = session.Prepare(test.CreateAdapter(1, _ => 8));
        var pages = Enumerable.Range(0, adapter.PageCount).ToArray();
        Assert.Throws<ComputeException>(() => session.Backend.PackAdapter(64, adapter, pages));
        pages[^1] = 1_000_000;
        Assert.Throws<ComputeException>(() => session.Backend.PackAdapter(0, adapter, pages));
    }

    [Fact]
    public void LoadWeight_AfterDispose_IsRefused()
    {
        var backend = Create();
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.LoadWeight(0, 0, new ushort[64]));
    }

    private static IComputeBackend Create() => CudaFactory.Default.Create(TestProgram.Create(new TestShape()).Program);
}
