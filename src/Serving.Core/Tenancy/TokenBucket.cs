namespace Serving.Core.Tenancy;

/// <summary>
/// A token bucket that holds one minute's worth, kept as what is missing from it: what was charged and has not drained yet. It drains at the rate, so the bucket
/// fills at the rate, and a bucket of which nothing is missing is full. All sums are exact: a unit is the 60,000,000th part of a token, which a rate of one token per
/// minute brings in a microsecond.
/// <para>
/// A charge is an estimate that is settled later. Charges drain oldest first, and what is given back is never more than what of that very charge has not drained:
/// so in every stretch of time the charges let in, less what was given back of them, are at most rate × time + one minute's worth.
/// </para>
/// </summary>
public sealed class TokenBucket
{
    /// <summary>Highest rate, tokens per minute.</summary>
    public const long MaxRate = 1L << 40;

    /// <summary>A minute in microseconds: units of a token.</summary>
    public const long Minute = 60_000_000;

    // Charges that are not settled, oldest first: as many as the tenant has requests under way.
    private readonly LinkedList<BucketCharge> _open = [];
    private Int128 _charged;
    private Int128 _drained;
    private long _rate;
    private long _now;

    /// <summary>A full bucket.</summary>
    /// <param name="rate">Tokens per minute.</param>
    /// <param name="now">The time, microseconds.</param>
    public TokenBucket(long rate, long now)
    {
        _rate = rate;
        _now = now;
    }

    /// <summary>Units missing from the bucket.</summary>
    internal Int128 Missing => _charged - _drained;

    /// <summary>Takes tokens out.</summary>
    /// <param name="amount">How many, at most the rate.</param>
    /// <param name="rate">Tokens per minute, from now on. Lowered below what is missing, the rest is forgiven: nobody waits longer than a minute.</param>
    /// <param name="now">The time, microseconds; one that has gone back counts as one that stands still.</param>
    /// <param name="wait">Microseconds after which they are there, if nobody else takes any; 0 when they are taken.</param>
    /// <returns>What to settle later, or null.</returns>
    public BucketCharge? TryCharge(long amount, long rate, long now, out long wait)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MaxRate);
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(amount, rate);
        Drain(now);
        _rate = rate;
        _drained = Int128.Max(_drained, _charged - Units(rate));
        var lacking = Missing + Units(amount) - Units(rate);
        wait = lacking > 0 ? (long)Quotient(lacking, rate) : 0;
        if (wait > 0)
        {
            return null;
        }

        _charged += Units(amount);
        var charge = new BucketCharge(amount, _charged);
        _open.AddLast(charge.Node);
        return charge;
    }

    /// <summary>Ends a charge, and gives back what of it was not used and has not drained. Once per charge.</summary>
    public void Settle(BucketCharge charge, long used, long now)
    {
        ArgumentNullException.ThrowIfNull(charge);
        ArgumentOutOfRangeException.ThrowIfNegative(used);
        if (charge.Node.List != _open)
        {
            throw new InvalidOperationException("A charge is settled once, in the bucket that it was made in.");
        }

        Drain(now);
        var unused = Units(Math.Max(0, charge.Amount - used));
        var returned = Int128.Clamp(charge.End - _drained, 0, unused);
        _charged -= returned;
        for (var later = charge.Node.Next; later is not null; later = later.Next)
        {
            later.Value.End -= returned;
        }

        _open.Remove(charge.Node);
    }

    /// <summary>Whether nothing is missing and nothing is to be settled: there is nothing to remember.</summary>
    public bool IsFull(long now)
    {
        Drain(now);
        return Missing == 0 && _open.Count == 0;
    }

    /// <summary>What a caller is told of it.</summary>
    public RateStatus StatusAt(long rate, long now)
    {
        Drain(now);
        var there = Units(rate) - Int128.Min(Missing, Units(rate));
        return new RateStatus(rate, (long)(there / Minute), (long)Quotient(Units(rate) - there, rate));
    }

    private static Int128 Units(long tokens) => (Int128)tokens * Minute;

    // Rounded up: a moment earlier something would be missing.
    private static Int128 Quotient(Int128 units, long rate) => (units + rate - 1) / rate;

    private void Drain(long now)
    {
        if (now > _now)
        {
            _drained = Int128.Min(_charged, _drained + ((Int128)(now - _now) * _rate));
            _now = now;
        }
    }
}
