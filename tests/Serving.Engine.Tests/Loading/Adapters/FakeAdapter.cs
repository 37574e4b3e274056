using Serving.Compute.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>A prepared adapter of a device that has none: it keeps what it was made of, and knows whether it was given back.</summary>
internal sealed class FakeAdapter(AdapterWeights weights) : IPreparedAdapter
{
    public int PageCount => 1;

    public AdapterWeights Weights => weights;

    public bool IsDisposed { get; private set; }

    public static long BytesOf(AdapterWeights weights) => weights.Slices.Sum(slice => 2L * (slice.A.Length + slice.B.Length));

    public void Dispose()
    {
        Assert.False(IsDisposed, "An adapter was given back twice.");
        IsDisposed = true;
    }
}
