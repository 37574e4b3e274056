using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Memory;

namespace Serving.Core.Tests.Memory;

public sealed class EvictionEconomyTests
{
    [Fact]
    public void EvictLowest_DifferentCosts_GoesByUsesTimesCostPerPage()
    {
        var (economy, log) = Create(4);
        economy.Offer(0, uses: 1, cost: 8, pages: 1);
        economy.Offer(1, uses: 3, cost: 8, pages: 1);
        economy.Offer(2, uses: 1, cost: 8, pages: 4);
        economy.Offer(3, uses: 5, cost: 8, pages: 8);
        while (economy.EvictLowest())
        {
        }

        Assert.Equal([2, 3, 0, 1], log);
        Assert.Equal(4, economy.Evictions);
    }

    [Fact]
    public void EvictLowest_EqualValues_OldestOfferFirst()
    {
        var (economy, log) = Create(3);
        foreach (var item in new[] { 2, 0, 1 })
        {
            economy.Offer(item, 1, 1, 1);
        }

        while (economy.EvictLowest())
        {
        }

        Assert.Equal([2, 0, 1], log);
    }

    [Fact]
    public void Offer_AfterAnEviction_StartsAtItsValue()
    {
        var (economy, log) = Create(3);
        economy.Offer(0, 10, 1, 1);
        economy.Offer(1, 20, 1, 1);
        economy.EvictLowest();
        Assert.Equal(10, economy.Inflation);

        // Twelve uses long ago are worth less than eleven now: 20 against 10 + 11.
        economy.Offer(2, 11, 1, 1);
        economy.EvictLowest();
        Assert.Equal([0, 1], log);
    }

    [Fact]
    public void Withdraw_NotOffered_ChangesNothing()
    {
        var (economy, _) = Create(1);
        economy.Withdraw(0);
        Assert.Equal(0, economy.Count);
        Assert.False(economy.EvictLowest());
    }

    [Fact]
    public void Evict_SecondHolder_IsCalledWithItsOwnIndex()
    {
        var economy = new EvictionEconomy();
        var (first, second) = (new Holder(), new Holder());
        economy.Register(first, 3);
        var item = economy.Register(second, 2);
        economy.Offer(item + 1, 1, 1, 1);
        economy.EvictLowest();
        Assert.Empty(first.Log);
        Assert.Equal([1], second.Log);
        Assert.Equal(14, economy.EvictablePages);
    }

    [Fact]
    public void AnyOffersAndWithdrawals_AgainstASortedList_GoInTheSameOrder() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), RunModel).Check(Config.QuickThrowOnFailure);

    private static void RunModel(int seed)
    {
        var draw = new Draw(seed);
        var (economy, log) = Create(20);
        var model = new List<(double Value, int Offer, int Item)>();
        var expected = new List<int>();
        for (var step = 0; step < 200; step++)
        {
            var item = draw.Below(20);
            if (draw.Below(3) == 0 && model.Count > 0)
            {
                var lowest = model.Min();
                model.Remove(lowest);
                expected.Add(lowest.Item);
                economy.EvictLowest();
            }
            else if (economy.Contains(item))
            {
                model.RemoveAll(offer => offer.Item == item);
                economy.Withdraw(item);
            }
            else
            {
                var (uses, pages) = (draw.Below(9), 1 + draw.Below(4));
                model.Add((economy.Inflation + (uses * 2.0 / pages), step, item));
                economy.Offer(item, uses, 2, pages);
            }

            Assert.Equal(model.Count, economy.Count);
        }

        Assert.Equal(expected, log);
    }

    private static (EvictionEconomy Economy, List<int> Log) Create(int capacity)
    {
        var economy = new EvictionEconomy();
        var holder = new Holder();
        economy.Register(holder, capacity);
        return (economy, holder.Log);
    }

    private sealed class Holder : IEvictable
    {
        public List<int> Log { get; } = [];

        public int EvictablePages => 7;

        public void Evict(int index) => Log.Add(index);
    }
}
