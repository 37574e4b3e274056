using Serving.Core.Adapters;
using Serving.Core.Memory;

namespace Serving.Core.Tests.Adapters;

public sealed class AdapterResidencyTests
{
    private readonly PagePool _pool = new(10);
    private readonly AdapterResidency _residency;
    private readonly PageSupply _supply;

    public AdapterResidencyTests()
    {
        var economy = new EvictionEconomy();
        var cache = new PrefixCache(_pool, economy, 1);
        _supply = new PageSupply(_pool, cache, economy);
        _residency = new AdapterResidency(3, _supply, economy, secondsPerByte: 1);
    }

    [Fact]
    public void TryLoad_Registered_TakesPagesAndASlot()
    {
        var entry = Add(1, pages: 4);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(entry, out var load));
        Assert.Equal(AdapterState.Loading, entry.State);
        Assert.Equal(4, load!.Pages.Count);
        Assert.Equal(entry.Slot, load.Slot);
        Assert.Equal(4, _pool.LeasedCount);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(entry, out var again));
        Assert.Null(again);
        _residency.Ready(entry.Adapter.Digest);
        Assert.Equal(AdapterState.Resident, entry.State);
        _residency.CheckIntegrity();
    }

    [Fact]
    public void TryLoad_TwoUnderWay_IsBusy()
    {
        Load(1);
        Load(2);
        Assert.Equal(LoadAttempt.Busy, _residency.TryLoad(Add(3), out _));
        _residency.Ready(Digest(1));
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(Add(3), out _));
    }

    [Fact]
    public void TryLoad_NoPages_EvictsNobody()
    {
        Resident(1, pages: 2);
        for (var i = 0; i < 8; i++)
        {
            _supply.TryTake(out _);
        }

        Assert.Equal(LoadAttempt.NoRoom, _residency.TryLoad(Add(2, pages: 3), out _));
        Assert.Equal(AdapterState.Resident, _residency.Find(Digest(1))!.State);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(Add(3, pages: 2), out _));
        Assert.Equal(AdapterState.Registered, _residency.Find(Digest(1))!.State);
        Assert.Equal(1, _residency.Evictions);
        _residency.CheckIntegrity();
    }

    [Fact]
    public void TryLoad_SlotsFull_EvictsTheIdleOneOfLeastValue()
    {
        var entries = new[] { Resident(1), Resident(2), Resident(3) };
        foreach (var (entry, uses) in entries.Zip([5, 1, 3]))
        {
            for (var i = 0; i < uses; i++)
            {
                Run(entry);
            }
        }

        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(Add(4), out var load));
        Assert.Equal(AdapterState.Registered, entries[1].State);
        Assert.Equal(AdapterEntry.NoSlot, entries[1].Slot);
        Assert.NotNull(load);
        _residency.CheckIntegrity();
    }

    [Fact]
    public void TryLoad_EveryOneRuns_HasNoRoom()
    {
        foreach (var number in new[] { 1, 2, 3 })
        {
            _residency.Pin(Resident(number));
        }

        Assert.Equal(LoadAttempt.NoRoom, _residency.TryLoad(Add(4), out _));
    }

    [Fact]
    public void Hold_UntilReleased_IsNotEvictable()
    {
        var entry = Resident(1, pages: 3);
        Assert.Equal(3, _residency.EvictablePages);
        _residency.Hold(entry);
        _residency.Hold(entry);
        Assert.Equal(0, _residency.EvictablePages);
        Assert.Equal(0, _residency.IdleValueOf(entry));
        _residency.ReleaseHolds();
        Assert.Equal(3, _residency.EvictablePages);
        Assert.True(_residency.IdleValueOf(entry) > 0);
    }

    [Fact]
    public void Failed_Load_GivesPagesAndSlotBackAndIsForgotten()
    {
        var entry = Load(1, pages: 4);
        Assert.Same(entry, _residency.Failed(Digest(1)));
        Assert.Equal(AdapterState.Failed, entry.State);
        Assert.Equal(10, _pool.FreeCount);
        Assert.Null(_residency.Find(Digest(1)));
        Assert.Null(_residency.Failed(Digest(1)));
        _residency.RemoveWaiter(entry);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(Add(1), out _));
    }

    [Fact]
    public void Retire_InUse_IsDroppedAfterTheLastUser()
    {
        var entry = Resident(1);
        _residency.Pin(entry);
        _residency.RemoveWaiter(entry);
        _residency.Retire(Digest(1));
        Assert.Equal(AdapterState.Resident, entry.State);
        _residency.Unpin(entry);
        Assert.Null(_residency.Find(Digest(1)));
        Assert.Equal(10, _pool.FreeCount);
        _residency.Retire(Digest(1));
        _residency.CheckIntegrity();
    }

    [Fact]
    public void Retire_WhileLoading_IsDroppedWhenReadyAndUnwanted()
    {
        var entry = Load(1);
        _residency.RemoveWaiter(entry);
        _residency.Retire(Digest(1));
        Assert.Equal(AdapterState.Loading, entry.State);
        _residency.Ready(Digest(1));
        Assert.Null(_residency.Find(Digest(1)));
        Assert.Equal(10, _pool.FreeCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AbandonLoads_Answered_IsRegisteredAgain(bool ready)
    {
        var entry = Load(1);
        _residency.AbandonLoads();
        Assert.True(_pool.LeasedCount > 0);
        if (ready)
        {
            _residency.Ready(Digest(1));
        }
        else
        {
            Assert.Null(_residency.Failed(Digest(1)));
        }

        Assert.Equal(AdapterState.Registered, entry.State);
        Assert.Equal(10, _pool.FreeCount);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(entry, out _));
    }

    [Fact]
    public void Ready_UnknownDigest_IsIgnored()
    {
        _residency.Ready(Digest(9));
        Assert.Equal(0, _residency.Loads);
    }

    private static Digest Digest(int number) => Core.Memory.Digest.Of([(byte)number]);

    private AdapterEntry Add(int number, int pages = 1) => _residency.AddWaiter(new AdapterRef(Digest(number), pages, 100));

    private AdapterEntry Load(int number, int pages = 1)
    {
        var entry = Add(number, pages);
        Assert.Equal(LoadAttempt.Ordered, _residency.TryLoad(entry, out _));
        return entry;
    }

    private AdapterEntry Resident(int number, int pages = 1)
    {
        var entry = Load(number, pages);
        _residency.Ready(Digest(number));
        return entry;
    }

    private void Run(AdapterEntry entry)
    {
        _residency.Pin(entry);
        _residency.Use(entry);
        _residency.Unpin(entry);
    }
}
