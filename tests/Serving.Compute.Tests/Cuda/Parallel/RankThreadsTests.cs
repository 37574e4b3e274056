using Serving.Compute.Cuda.Parallel;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>Threads that do what is asked of all ranks.</summary>
public sealed class RankThreadsTests
{
    /// <summary>Commands that meet each other halfway would never end on one thread.</summary>
    [Fact]
    public void Run_CommandsThatMeet_AllReturn()
    {
        using var threads = new RankThreads(3, () => { });
        using var meeting = new Barrier(3);
        var seen = new int[3];
        for (var turn = 1; turn <= 20; turn++)
        {
            Assert.Null(threads.Run(rank =>
            {
                meeting.SignalAndWait();
                seen[rank]++;
            }));
            Assert.Equal([turn, turn, turn], seen);
        }
    }

    /// <summary>The failure of one is told while the others still wait, and given back by rank; the next command runs.</summary>
    [Fact]
    public void Run_OneFails_FreesTheOthers()
    {
        using var failed = new ManualResetEventSlim();
        using var threads = new RankThreads(2, failed.Set);
        var failures = threads.Run(rank =>
        {
            if (rank == 1)
            {
                throw new InvalidOperationException("broken");
            }

            failed.Wait(TestContext.Current.CancellationToken);
        });
        Assert.NotNull(failures);
        Assert.Null(failures[0]);
        Assert.Equal("broken", failures[1]!.Message);
        Assert.Null(threads.Run(_ => { }));
    }
}
