using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Driver;

/// <summary>The binding of NCCL against the emulated one: two ranks, a thread each.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class NcclTests
{
    private const int Ranks = 2;

    [Fact]
    public void AllReduce_TwoRanks_GivesBothTheSums()
    {
        var sums = OnRanks((communicator, rank, driver) =>
        {
            using var values = Upload(driver, [1 + rank, 10, -rank]);
            communicator.AllReduce(driver.Stream, values.Address, values.Address, 3);
            var read = Download(driver, values, 3);
            communicator.ThrowIfFailed();
            return read;
        });
        Assert.Equal([3, 20, -1], sums[0]);
        Assert.Equal(sums[0], sums[1]);
    }

    [Fact]
    public void AllGather_TwoRanks_GivesBothAllValuesInOrder()
    {
        var gathered = OnRanks((communicator, rank, driver) =>
        {
            using var values = Upload(driver, [10 * rank, 1]);
            using var all = CudaDeviceBuffer.Allocate(driver.Context, 4 * sizeof(float));
            communicator.AllGather(driver.Stream, values.Address, all.Address, 2);
            return Download(driver, all, 4);
        });
        Assert.Equal([0, 1, 10, 1], gathered[0]);
        Assert.Equal(gathered[0], gathered[1]);
    }

    /// <summary>A recorded collective meets the other ranks' every time it is launched.</summary>
    [Fact]
    public void AllReduce_Recorded_RunsAtEveryLaunch()
    {
        var sums = OnRanks((communicator, rank, driver) =>
        {
            using var values = Upload(driver, [1 + rank]);
            driver.Stream.BeginCapture();
            communicator.AllReduce(driver.Stream, values.Address, values.Address, 1);
            using var graph = driver.Stream.EndCapture();
            graph.Launch(driver.Stream);
            graph.Launch(driver.Stream);
            return Download(driver, values, 1);
        });
        Assert.Equal([6], sums[0]);
        Assert.Equal(sums[0], sums[1]);
    }

    /// <summary>A rank that waits for one that does not come is freed by an abort from another thread, and refuses what comes after.</summary>
    [Fact]
    public void Abort_WhileWaiting_EndsTheWait()
    {
        CudaEmulator.RequireEmulated();
        using var queued = new SemaphoreSlim(0);
        NcclCommunicator? waiting = null;
        OnRanks((communicator, rank, driver) =>
        {
            using var values = Upload(driver, [1]);
            if (rank == 0)
            {
                communicator.AllReduce(driver.Stream, values.Address, values.Address, 1);
                waiting = communicator;
                queued.Release();
                driver.Stream.Synchronize();
                Assert.Throws<ComputeException>(() => communicator.AllReduce(driver.Stream, values.Address, values.Address, 1));
                Assert.Throws<ComputeException>(communicator.ThrowIfFailed);
            }
            else
            {
                queued.Wait(TestContext.Current.CancellationToken);
                waiting!.Abort();
                waiting.Abort();
            }

            return [];
        });
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>A rank that fails late aborts others that are closed already.</summary>
    [Fact]
    public void Abort_OfOneThatIsClosed_DoesNothing()
    {
        OnRanks((communicator, _, _) =>
        {
            communicator.Dispose();
            communicator.Abort();
            return [];
        });
        Assert.Empty(CudaEmulator.Findings());
    }

    [Fact]
    public void Create_RankBeyondTheirNumber_FailsWithNcclsWords()
    {
        TwoGpus.Require();
        using var driver = new DriverFixture();
        var error = Assert.Throws<CudaException>(() => NcclCommunicator.Create(driver.Context, NcclCommunicator.CreateId(), 2, 2));
        Assert.Equal(("ncclCommInitRank", (int)NcclStatus.InvalidArgument, false), (error.Call, error.Code, error.IsFatal));
        Assert.Contains("invalid argument", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_IsOneThatCanBeAborted()
    {
        TwoGpus.Require();
        NcclApi.GetVersion(out var version).ThrowIfFailed("ncclGetVersion");
        Assert.InRange(version, 21400, int.MaxValue);
    }

    private static float[][] OnRanks(Func<NcclCommunicator, int, DriverFixture, float[]> work)
    {
        TwoGpus.Require();
        var id = NcclCommunicator.CreateId();
        var results = new float[Ranks][];
        var failures = new Exception?[Ranks];
        var threads = Enumerable.Range(0, Ranks).Select(rank => new Thread(() =>
        {
            try
            {
                using var driver = new DriverFixture(rank);
                using var communicator = NcclCommunicator.Create(driver.Context, id, rank, Ranks);
                results[rank] = work(communicator, rank, driver);
            }
            catch (Exception exception)
            {
                failures[rank] = exception;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        Assert.All(failures, Assert.Null);
        return results;
    }

    private static CudaDeviceBuffer Upload(DriverFixture driver, float[] values)
    {
        var buffer = CudaDeviceBuffer.Allocate(driver.Context, values.Length * sizeof(float));
        buffer.CopyFrom<float>(0, values, driver.Stream);
        return buffer;
    }

    private static float[] Download(DriverFixture driver, CudaDeviceBuffer buffer, int count)
    {
        var values = new float[count];
        buffer.CopyTo(0, values.AsSpan(), driver.Stream);
        return values;
    }
}
