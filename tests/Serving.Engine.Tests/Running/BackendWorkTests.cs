using Serving.Compute;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Engine.Execution;

namespace Serving.Engine.Tests.Running;

/// <summary>An engine that ends while copies are under way: the backend's memory stays until they are done.</summary>
public sealed class BackendWorkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(null)]
    [InlineData(typeof(ComputeException))]
    [InlineData(typeof(InvalidOperationException))]
    public async Task DisposeAsync_ACopyIsUnderWay_WaitsForItsEnd(Type? failure)
    {
        using var backend = new SlowBackend(failure);
        var faults = new List<Exception>();
        var work = new BackendWork(backend);
        var posted = new List<EngineCommand>();
        var copier = new ModuleCopier(work, posted.Add, (_, exception) => faults.Add(exception));
        copier.Start(new ModuleTransfer(7, ToHost: true, [new PageId(1)], [0]));
        Assert.True(backend.Begun.Wait(Patience, TestContext.Current.CancellationToken));
        var ending = work.DisposeAsync().AsTask();

        // Nothing is begun any more, and nothing taken away from what is.
        copier.Start(new ModuleTransfer(8, ToHost: true, [new PageId(2)], [1]));
        Assert.False(ending.IsCompleted);
        Assert.False(backend.IsDisposed);
        backend.GoesOn.Set();
        await ending.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(backend.IsDisposed);
        Assert.False(backend.WasDisposedBelow);

        // However it ends, it is said: the device's failure as that, and any other as one of this copy.
        var end = Assert.Single(posted);
        Assert.Equal(failure == typeof(ComputeException), end is DeviceFailedCommand);
        Assert.Equal(failure == typeof(ComputeException) ? null : new ModuleTransferredCommand(7, failure is not null), end as ModuleTransferredCommand);
        Assert.Equal(failure == typeof(InvalidOperationException) ? 1 : 0, faults.Count);
        Assert.Equal(1, backend.Copies);
    }

    /// <summary>What runs on a thread that asked for it is waited for too; afterwards nothing is begun.</summary>
    [Fact]
    public async Task DisposeAsync_WorkOnACallersThread_WaitsForItsEnd()
    {
        using var backend = new SlowBackend(null);
        var work = new BackendWork(backend);
        var running = Task.Run(() => work.Run(given =>
        {
            given.CopyToHost([1], [0]);
            return backend.WasDisposedBelow;
        }), TestContext.Current.CancellationToken);
        Assert.True(backend.Begun.Wait(Patience, TestContext.Current.CancellationToken));
        var ending = work.DisposeAsync().AsTask();
        Assert.Throws<ComputeException>(() => work.Run(_ => 0));
        Assert.False(ending.IsCompleted);
        backend.GoesOn.Set();
        Assert.False(await running.WaitAsync(Patience, TestContext.Current.CancellationToken));
        await ending.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(backend.IsDisposed);
    }

    /// <summary>Copies as long as it is told to, and notices when it is disposed of meanwhile.</summary>
    private sealed class SlowBackend(Type? failure) : IComputeBackend
    {
        public ManualResetEventSlim Begun { get; } = new();

        public ManualResetEventSlim GoesOn { get; } = new();

        public bool IsDisposed { get; private set; }

        public bool WasDisposedBelow { get; private set; }

        public int Copies { get; private set; }

        public string Name => "slow";

        public string InstructionSet => "none";

        public int ThreadCount => 1;

        public long PageBytes => 4096;

        public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages)
        {
            Copies++;
            Begun.Set();
            GoesOn.Wait(Patience);
            WasDisposedBelow = IsDisposed;
            if (failure is not null)
            {
                throw (Exception)Activator.CreateInstance(failure, "planted")!;
            }
        }

        public void Dispose() => IsDisposed = true;

        public long PackedBytes(int weight) => throw new NotSupportedException();

        public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values) => throw new NotSupportedException();

        public void AllocatePool(PoolShape pool, StepLimits limits) => throw new NotSupportedException();

        public long PreparedBytesOf(AdapterWeights adapter) => throw new NotSupportedException();

        public IPreparedAdapter PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages) => throw new NotSupportedException();

        public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => throw new NotSupportedException();

        public void Execute(StepInputs inputs, StepOutputs outputs) => throw new NotSupportedException();
    }
}
