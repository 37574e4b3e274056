using Serving.Compute.Programs;

namespace Serving.Compute.Adapters;

/// <summary>The prepared form of a backend whose pages are host memory too: the matrices as they were read, as packing them is the one copy there is.</summary>
/// <param name="Weights">The matrices.</param>
/// <param name="Layout">Where their cells go.</param>
internal sealed record MatrixAdapter(AdapterWeights Weights, AdapterLayout Layout) : IPreparedAdapter
{
    /// <inheritdoc/>
    public int PageCount => Layout.PageCount;

    /// <summary>Bytes of an adapter's matrices.</summary>
    public static long BytesOf(AdapterWeights adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return adapter.Slices.Sum(slice => (long)sizeof(ushort) * (slice.A.Length + slice.B.Length));
    }

    /// <summary>Keeps the matrices of an adapter.</summary>
    /// <param name="slices">Those of the model.</param>
    /// <param name="adapter">The matrices.</param>
    /// <param name="pageBytes">Bytes of a page.</param>
    public static MatrixAdapter Of(IReadOnlyList<LoraSlice> slices, AdapterWeights adapter, long pageBytes)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return new MatrixAdapter(adapter, AdapterLayout.Create(slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), pageBytes));
    }

    /// <summary>What <see cref="Of"/> made.</summary>
    /// <exception cref="ArgumentException">Another kind of backend made it.</exception>
    public static MatrixAdapter From(IPreparedAdapter adapter) => adapter as MatrixAdapter ?? throw new ArgumentException("The adapter was prepared by another backend.", nameof(adapter));

    /// <summary>The collector takes the matrices.</summary>
    public void Dispose()
    {
    }
}
