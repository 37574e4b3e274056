using Serving.Compute.Cuda.Memory;

namespace Serving.Compute.Tests.Cuda.Memory;

/// <summary>Pieces of work between an owner and helpers.</summary>
public sealed class CutCrewTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Every piece is done once, none before it may be begun, and one that was awaited is done; alone and with helpers.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void Work_AllowedStepByStep_DoesEachPieceOnceAndNoneEarly(int helpers)
    {
        const int Pieces = 400;
        const int Step = 9;
        var times = new int[Pieces];
        var (allowed, early) = (0, 0);
        using (var crew = new CutCrew(Pieces, helpers, piece =>
        {
            Interlocked.Increment(ref times[piece]);
            Interlocked.Add(ref early, piece >= Volatile.Read(ref allowed) ? 1 : 0);
        }))
        {
            for (var end = 0; end < Pieces;)
            {
                var first = end;
                end = Math.Min(Pieces, end + Step);
                Volatile.Write(ref allowed, end);
                crew.Allow(end);
                while (crew.TryWork())
                {
                }

                for (var piece = first; piece < end; piece++)
                {
                    crew.Await(piece);
                    Assert.True(crew.IsDone(piece));
                }
            }
        }

        Assert.All(times, count => Assert.Equal(1, count));
        Assert.Equal(0, early);
    }

    /// <summary>Helpers work while the owner does not.</summary>
    [Fact]
    public void Await_OwnerDoesNothing_IsDoneByAHelper()
    {
        var owner = Environment.CurrentManagedThreadId;
        var workers = new int[3];
        using var crew = new CutCrew(3, 2, piece => workers[piece] = Environment.CurrentManagedThreadId);
        crew.Allow(3);
        for (var piece = 0; piece < 3; piece++)
        {
            crew.Await(piece);
            Assert.NotEqual(owner, workers[piece]);
        }
    }

    /// <summary>What goes wrong in a piece, whoever does it, comes to the owner as it is, and nothing more is begun.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Await_APieceFailed_ThrowsWhatItThrew(int helpers)
    {
        var last = 0;
        using var crew = new CutCrew(1000, helpers, piece =>
        {
            if (piece == 5)
            {
                throw new InvalidDataException("the fifth");
            }

            Interlocked.Exchange(ref last, piece);
        });
        crew.Allow(6);
        while (crew.TryWork())
        {
        }

        Assert.Equal("the fifth", Assert.Throws<InvalidDataException>(() => crew.Await(5)).Message);
        crew.Allow(1000);
        Assert.False(crew.TryWork());
        Assert.InRange(last, 0, 4);
    }

    /// <summary>When it is disposed nobody is at work any more, and nobody begins.</summary>
    [Fact]
    public void Dispose_AHelperIsAtWork_WaitsForIt()
    {
        using var begun = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        var ended = 0;
        var crew = new CutCrew(5, 1, _ =>
        {
            begun.Set();
            goesOn.Wait(Patience);
            Interlocked.Increment(ref ended);
        });
        crew.Allow(1);
        Assert.True(begun.Wait(Patience, TestContext.Current.CancellationToken));
        var disposing = new Thread(crew.Dispose);
        disposing.Start();

        // It either sleeps or has ended: nothing in it takes time but the wait.
        SpinWait.SpinUntil(() => (disposing.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) != 0, Patience);
        Assert.Equal(ThreadState.WaitSleepJoin, disposing.ThreadState);
        goesOn.Set();
        Assert.True(disposing.Join(Patience));
        Assert.Equal(1, Volatile.Read(ref ended));
        crew.Allow(5);
        Assert.False(crew.TryWork());
    }
}
