using Serving.Core.Tenancy;
using Serving.Server.Responses;

namespace Serving.Server.Tests.Responses;

public sealed class ResponseStoreTests : IDisposable
{
    private const int Size = 1000;

    private static readonly TenantId One = new("one");
    private static readonly TenantId Two = new("two");

    private readonly HandTime _time = new();
    private readonly ResponseStore _store;

    public ResponseStoreTests() => _store = new ResponseStore(10 * Size, TimeSpan.FromMinutes(10), _time);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Add_MoreThanThereIsRoomFor_CostsTheTenantThatHoldsTheMostWhatItUsedLongestAgo()
    {
        Put(Two, "other");
        for (var i = 0; i < 9; i++)
        {
            Put(One, $"r{i}");
        }

        Assert.True(_store.TryGet(One, "r0", out _));
        Put(Two, "more");

        Assert.Equal(10 * Size, _store.Bytes);
        Assert.Equal(["r0", "r2", "r3", "r4", "r5", "r6", "r7", "r8"], Enumerable.Range(0, 9).Select(i => $"r{i}").Where(id => _store.TryGet(One, id, out _)));
        Assert.True(_store.TryGet(Two, "other", out _) && _store.TryGet(Two, "more", out _));
    }

    [Fact]
    public void Add_MoreThanIsKeptAtAll_KeepsNothingOfIt()
    {
        _store.Add(One, Response("r", null, 11 * Size));

        Assert.False(_store.TryGet(One, "r", out _));
        Assert.Equal(0, _store.Bytes);
    }

    [Fact]
    public void Add_OfAnIdThatIsThere_TakesItsPlace()
    {
        Put(One, "r");
        var second = Put(One, "r");

        Assert.True(_store.TryGet(One, "r", out var found));
        Assert.Same(second, found);
        Assert.Equal(Size, _store.Bytes);
    }

    [Fact]
    public void TryGet_OfAnother_IsNotThere()
    {
        Put(One, "r");

        Assert.False(_store.TryGet(Two, "r", out _));
        Assert.False(_store.Remove(Two, "r"));
        Assert.True(_store.TryGet(One, "r", out _));
    }

    [Fact]
    public void Remove_OfOneThatOthersGoOnFrom_LeavesThemWhatTheyNeed()
    {
        var first = Put(One, "a");
        var second = Put(One, "b", first);
        Put(One, "c", second);

        Assert.True(_store.Remove(One, "a"));
        Assert.True(_store.Remove(One, "b"));
        Assert.False(_store.Remove(One, "b"));
        Assert.Equal(3 * Size, _store.Bytes);
        Assert.True(_store.TryGet(One, "c", out var last));
        Assert.Equal(["a", "b", "c"], last.Conversation().Select(response => response.Id));
        Assert.True(_store.Remove(One, "c"));
        Assert.Equal(0, _store.Bytes);
    }

    /// <summary>A response may be gone by the time that the one that goes on from it is complete.</summary>
    [Fact]
    public void Add_BehindOneThatIsGone_HoldsIt()
    {
        var first = Put(One, "a");
        _store.Remove(One, "a");

        Put(One, "b", first);

        Assert.Equal(2 * Size, _store.Bytes);
        Assert.False(_store.TryGet(One, "a", out _));
    }

    [Fact]
    public void Advance_TimeToLiveSinceTheLastUse_EndsIt()
    {
        Put(One, "used");
        Put(One, "unused");
        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.True(_store.TryGet(One, "used", out _));
        _time.Advance(TimeSpan.FromMinutes(6));

        Assert.False(_store.TryGet(One, "unused", out _));
        Assert.True(_store.TryGet(One, "used", out _));
        Assert.Equal(Size, _store.Bytes);
    }

    [Fact]
    public void Sweep_WhatNobodyAsksFor_IsGoneAllTheSame()
    {
        Put(One, "r");
        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.Equal(Size, _store.Bytes);
        _time.Tick();

        Assert.Equal(0, _store.Bytes);
    }

    [Fact]
    public void Add_ALongConversation_IsCountedOnceWhateverItsLength()
    {
        StoredResponse? last = null;
        for (var i = 0; i < 200; i++)
        {
            last = Put(One, $"r{i}", last);
        }

        // The last one holds all others, and is itself too much: nothing may be left over.
        Assert.Equal(0, _store.Bytes);
        Put(One, "next");
        Assert.Equal(Size, _store.Bytes);
    }

    private StoredResponse Put(TenantId tenant, string id, StoredResponse? previous = null)
    {
        var response = Response(id, previous, Size);
        _store.Add(tenant, response);
        return response;
    }

    private static StoredResponse Response(string id, StoredResponse? previous, int bytes)
    {
        var overhead = new StoredResponse(id, null, [], [], []).Bytes;
        return new StoredResponse(id, previous, [], [], new byte[bytes - overhead]);
    }

    // A clock that goes on when it is told to, and a timer that goes off when it is.
    private sealed class HandTime : TimeProvider
    {
        private long _ticks;
        private Action? _callback;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;

        public void Tick() => _callback!();

        public override long GetTimestamp() => _ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = () => callback(state);
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
