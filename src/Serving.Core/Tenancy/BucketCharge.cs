namespace Serving.Core.Tenancy;

/// <summary>Tokens taken out of a bucket, to be settled when it is known how many of them were used.</summary>
public sealed class BucketCharge
{
    /// <summary>A charge.</summary>
    internal BucketCharge(long amount, Int128 end)
    {
        Amount = amount;
        End = end;
        Node = new LinkedListNode<BucketCharge>(this);
    }

    /// <summary>Tokens taken.</summary>
    public long Amount { get; }

    /// <summary>Where it ends on the line of all that was charged, units: what has drained past it is not of this charge any more.</summary>
    internal Int128 End { get; set; }

    /// <summary>Its place among those not settled.</summary>
    internal LinkedListNode<BucketCharge> Node { get; }
}
