using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Tenancy;

namespace Serving.Core.Tests.Tenancy;

public sealed class TokenBucketTests
{
    private const long Minute = TokenBucket.Minute;

    [Fact]
    public void AnyOperations_AgainstALineOfPieces_AgreeWithIt() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => RunModel(seed, changes: true)).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void AnyOperations_OneRate_NoStretchOfTimeLetsInMoreThanRateTimesTimeAndOneMinute() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => CheckStretches(RunModel(seed, changes: false))).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void TryCharge_OneMinutesWorthAtOnce_TheNextComesExactlyWhenItIsThere()
    {
        var bucket = new TokenBucket(7, now: 5);
        for (var i = 0; i < 7; i++)
        {
            Assert.NotNull(bucket.TryCharge(1, 7, 5, out _));
        }

        Assert.Null(bucket.TryCharge(1, 7, 5, out var wait));
        Assert.Equal(8_571_429, wait); // A seventh of a minute, rounded up.
        Assert.Null(bucket.TryCharge(1, 7, 5 + wait - 1, out var rest));
        Assert.Equal(1, rest);
        Assert.NotNull(bucket.TryCharge(1, 7, 5 + wait, out _));
    }

    [Fact]
    public void TryCharge_ClockThatStandsStillOrGoesBack_LetsNothingMoreIn()
    {
        var bucket = new TokenBucket(2, now: 100);
        bucket.TryCharge(2, 2, 100, out _);
        Assert.Null(bucket.TryCharge(1, 2, 100, out _));
        Assert.Null(bucket.TryCharge(1, 2, long.MinValue, out _));
        Assert.Null(bucket.TryCharge(1, 2, 100 + (Minute / 2) - 1, out _));
        Assert.NotNull(bucket.TryCharge(1, 2, 100 + (Minute / 2), out _));
    }

    [Fact]
    public void Settle_InAnyOrder_GivesBackWhatWasNotUsed()
    {
        var bucket = new TokenBucket(2000, now: 0);
        var first = bucket.TryCharge(1000, 2000, 0, out _)!;
        var second = bucket.TryCharge(1000, 2000, 0, out _)!;
        bucket.Settle(second, used: 100, now: 0);
        bucket.Settle(first, used: 100, now: 0);
        Assert.Equal(1800, bucket.StatusAt(2000, 0).Remaining);
    }

    [Fact]
    public void Settle_WhatHasDrained_IsNotGivenBack()
    {
        var bucket = new TokenBucket(1000, now: 0);
        var slow = bucket.TryCharge(1000, 1000, 0, out _)!;
        Assert.NotNull(bucket.TryCharge(1000, 1000, Minute, out _));
        bucket.Settle(slow, used: 100, now: Minute);
        Assert.Equal(0, bucket.StatusAt(1000, Minute).Remaining);
    }

    [Fact]
    public void Settle_Twice_Throws()
    {
        var bucket = new TokenBucket(10, now: 0);
        var charge = bucket.TryCharge(4, 10, 0, out _)!;
        bucket.Settle(charge, 1, 0);
        Assert.Throws<InvalidOperationException>(() => bucket.Settle(charge, 1, 0));
        Assert.Throws<InvalidOperationException>(() => new TokenBucket(10, 0).Settle(charge, 1, 0));
        Assert.Equal(9, bucket.StatusAt(10, 0).Remaining);
    }

    [Fact]
    public void TryCharge_RateChanged_KeepsWhatWasChargedUpToAMinute()
    {
        var bucket = new TokenBucket(100, now: 0);
        bucket.TryCharge(90, 100, 0, out _);
        Assert.Null(bucket.TryCharge(20, 100, 0, out _));
        Assert.NotNull(bucket.TryCharge(20, 200, 0, out _));          // Raised: room at once,
        Assert.Equal(90, bucket.StatusAt(200, 0).Remaining);           // and nothing forgotten.
        Assert.Null(bucket.TryCharge(1, 50, 0, out var wait));         // Lowered: empty, but no longer than a minute.
        Assert.Equal(Minute / 50, wait);
        Assert.Equal(new RateStatus(50, 0, Minute), bucket.StatusAt(50, 0));
    }

    [Fact]
    public void TryCharge_HighestRate_IsExact()
    {
        var bucket = new TokenBucket(TokenBucket.MaxRate, now: 0);
        Assert.NotNull(bucket.TryCharge(TokenBucket.MaxRate, TokenBucket.MaxRate, 0, out _));
        Assert.Null(bucket.TryCharge(TokenBucket.MaxRate, TokenBucket.MaxRate, Minute - 1, out var wait));
        Assert.Equal(1, wait);
        Assert.NotNull(bucket.TryCharge(TokenBucket.MaxRate, TokenBucket.MaxRate, Minute, out _));
        Assert.False(bucket.IsFull(long.MaxValue)); // Two charges are open.
        Assert.Throws<ArgumentOutOfRangeException>(() => bucket.TryCharge(1, TokenBucket.MaxRate + 1, 0, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => bucket.TryCharge(2, 1, 0, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => bucket.TryCharge(0, 0, 0, out _));
    }

    private static void CheckStretches((long Rate, List<Piece> All) run)
    {
        var all = run.All;
        for (var first = 0; first < all.Count; first++)
        {
            Int128 sum = 0;
            for (var last = first; last < all.Count; last++)
            {
                sum += all[last].Units;
                Assert.True(sum <= run.Rate * (Int128)(all[last].At - all[first].At + Minute), $"charges {first} to {last}");
            }
        }
    }

    // The model: a line of pieces that is eaten from its front. A piece is cut short when its charge is settled.
    private static (long Rate, List<Piece> All) RunModel(int seed, bool changes)
    {
        var draw = new Draw(seed);
        var rate = 1L + draw.Below(1000);
        var bucket = new TokenBucket(rate, 0);
        var line = new Line();
        var open = new List<(BucketCharge Charge, Piece Piece)>();
        var now = 0L;
        for (var step = 0; step < 80; step++)
        {
            var past = draw.Below(4) == 0 ? 0 : draw.Below((int)(Minute / 8));
            now += past;
            line.Eat((Int128)past * rate);
            if (draw.Below(3) == 0 && open.Count > 0)
            {
                var index = draw.Below(open.Count);
                Settle(bucket, open[index], draw.Below((int)open[index].Charge.Amount + 1), now);
                open.RemoveAt(index);
            }
            else
            {
                rate = changes && draw.Below(8) == 0 ? 1 + draw.Below(1000) : rate;
                line.Eat(line.Missing - (rate * (Int128)Minute)); // A lowered rate forgives.
                Charge(bucket, line, open, draw.Below((int)rate + 1), rate, now);
            }

            Assert.Equal(line.Missing, bucket.Missing);
            Assert.True(line.Missing >= 0 && line.Missing <= rate * (Int128)Minute);
            Assert.Equal(line.Missing == 0 && open.Count == 0, bucket.IsFull(now));
        }

        open.ForEach(left => Settle(bucket, left, 0, now));
        return (rate, line.All);
    }

    private static void Charge(TokenBucket bucket, Line line, List<(BucketCharge Charge, Piece Piece)> open, long amount, long rate, long now)
    {
        var lacking = line.Missing + (Minute * (Int128)amount) - (Minute * (Int128)rate);
        var charge = bucket.TryCharge(amount, rate, now, out var wait);
        Assert.Equal(lacking <= 0, charge is not null);
        if (charge is not null)
        {
            Assert.Equal(0, wait);
            open.Add((charge, line.Add(amount * (Int128)Minute, now)));
            return;
        }

        Assert.True(lacking - (wait * (Int128)rate) <= 0 && lacking - ((wait - 1) * (Int128)rate) > 0, $"{wait} is not the time for {lacking}");
    }

    private static void Settle(TokenBucket bucket, (BucketCharge Charge, Piece Piece) ended, long used, long now)
    {
        bucket.Settle(ended.Charge, used, now);
        var returned = Int128.Min(ended.Piece.Left, (ended.Charge.Amount - used) * (Int128)Minute);
        ended.Piece.Left -= returned;
        ended.Piece.Units -= returned;
    }

    private sealed class Piece
    {
        public required long At { get; init; }

        public required Int128 Left { get; set; }

        public required Int128 Units { get; set; }
    }

    private sealed class Line
    {
        public List<Piece> All { get; } = [];

        public Int128 Missing => All.Aggregate((Int128)0, (sum, piece) => sum + piece.Left);

        public Piece Add(Int128 units, long now)
        {
            All.Add(new Piece { At = now, Left = units, Units = units });
            return All[^1];
        }

        public void Eat(Int128 units)
        {
            foreach (var piece in All)
            {
                var bite = Int128.Clamp(units, 0, piece.Left);
                piece.Left -= bite;
                units -= bite;
            }
        }
    }
}
