using Serving.Compute.Managed.Threads;

namespace Serving.Compute.Tests.Managed;

public sealed class WorkerPoolTests
{
    private const long Large = 1 << 30;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Run_ManyTimes_RunsEveryItemOnce(int workers)
    {
        using var pool = new WorkerPool(workers);
        for (var round = 0; round < 2000; round++)
        {
            var work = new Counting(round % 37);
            pool.Run(work, work.Items.Length, Large);
            Assert.All(work.Items, count => Assert.Equal(1, count));
            Assert.InRange(work.HighestWorker, 0, workers - 1);
        }
    }

    /// <summary>Workers that had gone to sleep still take part: one item holds the caller until the other, run by someone else, has started.</summary>
    [Fact]
    public void Run_AfterWorkersParked_WakesThem()
    {
        using var pool = new WorkerPool(2);
        for (var round = 0; round < 20; round++)
        {
            using var both = new Meeting();
            pool.Run(both, 2, Large);
            Assert.True(both.Met);

            // More than the 2,000 spins after which a worker parks.
            Thread.SpinWait(200_000);
        }
    }

    [Fact]
    public void Run_ItemThrows_ReportsItAfterTheOthersAndGoesOn()
    {
        using var pool = new WorkerPool(3);
        var failing = new Failing();
        var failure = Assert.Throws<InvalidOperationException>(() => pool.Run(failing, 50, Large));
        Assert.IsType<FormatException>(failure.InnerException);
        Assert.Equal(50, failing.Count);
        var work = new Counting(20);
        pool.Run(work, 20, Large);
        Assert.All(work.Items, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(4, 3)]
    [InlineData(8, 7)]
    [InlineData(9, 8)]
    [InlineData(64, 8)]
    public void DefaultWorkers_ByCores_LeavesOneFromFourUp(int processors, int expected) => Assert.Equal(expected, WorkerPool.DefaultWorkers(processors));

    private sealed class Counting(int items) : IParallelWork
    {
        private int _highestWorker;

        public int[] Items { get; } = new int[items];

        public int HighestWorker => _highestWorker;

        public void Execute(int item, int worker)
        {
            Interlocked.Increment(ref Items[item]);
            for (var seen = _highestWorker; worker > seen; seen = _highestWorker)
            {
                Interlocked.CompareExchange(ref _highestWorker, worker, seen);
            }
        }
    }

    private sealed class Meeting : IParallelWork, IDisposable
    {
        private readonly Barrier _barrier = new(2);
        private int _met;

        public bool Met => _met == 2;

        public void Execute(int item, int worker)
        {
            if (_barrier.SignalAndWait(TimeSpan.FromSeconds(60)))
            {
                Interlocked.Increment(ref _met);
            }
        }

        public void Dispose() => _barrier.Dispose();
    }

    private sealed class Failing : IParallelWork
    {
        private int _count;

        public int Count => _count;

        public void Execute(int item, int worker)
        {
            Interlocked.Increment(ref _count);
            if (item % 7 == 3)
            {
                throw new FormatException("An item failed.");
            }
        }
    }
}
