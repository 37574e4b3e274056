using Serving.Compute.Adapters;
using Serving.Core.Memory;
using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Who keeps memory in the host cache, who makes room, and who waits for it.</summary>
public sealed class HostCacheTests
{
    private const long Max = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly List<FakeAdapter> _made = [];
    private Action<AdapterWeights> _preparing = _ => { };

    /// <summary>The one that was not asked for longest goes, and its memory goes back; one that is held stays, however long ago it was asked for.</summary>
    [Fact]
    public async Task AddAsync_NoRoom_DropsWhoWasNotAskedForLongestAndIsNotHeld()
    {
        var cache = MakeCache();
        var held = await cache.AddAsync(DigestOf(0), Weights(20));
        for (var i = 1; i <= 4; i++)
        {
            (await cache.AddAsync(DigestOf(i), Weights(20)))!.Dispose();
        }

        cache.TryLease(DigestOf(1))!.Dispose();
        (await cache.AddAsync(DigestOf(5), Weights(30)))!.Dispose();
        Assert.Equal([false, false, true, true, false, false], _made.Select(adapter => adapter.IsDisposed));
        Assert.Equal((90, 4), (cache.Bytes, cache.Count));
        Assert.Null(cache.TryLease(DigestOf(2)));
        held!.Dispose();
        (await cache.AddAsync(DigestOf(6), Weights(100)))!.Dispose();
        Assert.Equal((100, 1), (cache.Bytes, cache.Count));
        Assert.All(_made.SkipLast(1), adapter => Assert.True(adapter.IsDisposed));
    }

    /// <summary>Everything is held: who comes waits, and goes on when one lease ends.</summary>
    [Fact]
    public async Task AddAsync_AllHeld_WaitsForALease()
    {
        var cache = MakeCache();
        var first = await cache.AddAsync(DigestOf(0), Weights(60));
        var second = cache.TryLease(DigestOf(0));
        var adding = cache.AddAsync(DigestOf(1), Weights(60));
        first!.Dispose();
        first.Dispose();
        Assert.False(adding.IsCompleted);
        Assert.False(_made[0].IsDisposed);
        second!.Dispose();
        using var added = await adding.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Same(_made[1], added!.Adapter);
        Assert.Equal((true, 60L, 1), (_made[0].IsDisposed, cache.Bytes, cache.Count));
    }

    /// <summary>The same content from several at once: one prepares it while the others wait for it; where that fails one of the others does.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AddAsync_SameContentAtOnce_IsPreparedByOne(bool fails)
    {
        using var begun = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        var cache = MakeCache();
        _preparing = _ =>
        {
            _preparing = _ => { };
            begun.Set();
            goesOn.Wait(Patience);
            if (fails)
            {
                throw new InvalidOperationException("planted");
            }
        };
        var first = Task.Run(() => cache.AddAsync(DigestOf(0), Weights(60)), TestContext.Current.CancellationToken);
        Assert.True(begun.Wait(Patience, TestContext.Current.CancellationToken));
        var others = Enumerable.Range(0, 3).Select(_ => cache.AddAsync(DigestOf(0), Weights(60))).ToList();

        // Room for it is taken already; another content has to wait as well.
        var another = cache.AddAsync(DigestOf(1), Weights(60));
        Assert.All(others, task => Assert.False(task.IsCompleted));
        Assert.False(another.IsCompleted);
        Assert.Null(cache.TryLease(DigestOf(0)));
        goesOn.Set();
        if (fails)
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        }
        else
        {
            (await first)!.Dispose();
        }

        // Each gives its lease back as it has it: one content has to go for the other.
        var leases = await Task.WhenAll(others.Append(another).Select(EndAsync));
        Assert.All(leases, Assert.NotNull);
        Assert.Equal(60, cache.Bytes);

        async Task<AdapterLease?> EndAsync(Task<AdapterLease?> task)
        {
            var lease = await task.WaitAsync(Patience, TestContext.Current.CancellationToken);
            lease?.Dispose();
            return lease;
        }
    }

    /// <summary>Many threads with more contents than fit: memory is never more than there is, what is leased is there, and in the end nothing was lost.</summary>
    [Fact]
    public async Task AddAsync_ManyThreads_NeverTakesMoreThanThereIs()
    {
        const int Contents = 9;
        var alive = 0L;
        var most = 0L;
        var cache = new HostCache(Max, Bytes, (weights, _) =>
        {
            var now = Interlocked.Add(ref alive, Bytes(weights));
            InterlockedMax(ref most, now);
            return new CountedAdapter(weights, () => Interlocked.Add(ref alive, -Bytes(weights)));
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            var random = new Random(thread);
            for (var i = 0; i < 400; i++)
            {
                var content = random.Next(Contents);
                using var lease = cache.TryLease(DigestOf(content)) ?? await cache.AddAsync(DigestOf(content), Weights(10 + (5 * content)));
                Assert.False(((CountedAdapter)lease!.Adapter).IsDisposed);
                await Task.Yield();
                Assert.False(((CountedAdapter)lease.Adapter).IsDisposed);
            }
        })));
        Assert.InRange(most, 1, Max);
        Assert.Equal(cache.Bytes, alive);
    }

    private static long Bytes(AdapterWeights weights) => weights.Slices[0].Rank;

    private static Digest DigestOf(int number) => Digest.Of([(byte)number]);

    /// <summary>An adapter that counts as so many bytes.</summary>
    private static AdapterWeights Weights(int bytes) => new([new AdapterSlice(0, bytes, 1, default, default)]);

    private static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private HostCache MakeCache() => new(Max, Bytes, (weights, _) =>
    {
        _preparing(weights);
        var adapter = new FakeAdapter(weights);
        lock (_made)
        {
            _made.Add(adapter);
        }

        return adapter;
    });

    private sealed class CountedAdapter(AdapterWeights weights, Action disposed) : IPreparedAdapter
    {
        private int _disposals;

        public int PageCount => weights.Slices.Count;

        public bool IsDisposed => Volatile.Read(ref _disposals) > 0;

        public void Dispose()
        {
            Assert.Equal(1, Interlocked.Increment(ref _disposals));
            disposed();
        }
    }
}
