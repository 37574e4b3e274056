using Serving.Compute.Programs;

namespace Serving.Compute.Adapters;

/// <summary>The prepared form of a backend whose pages are host memory too: the matrices as they were read, as packing them is the one copy there is.</summary>
/// <param name="Weights">The matrices.</param>
/// <param name="Factors">What DoRA multiplies each slice's outputs by; empty of a slice that has no magnitudes.</param>
/// <param name="Layout">Where their cells go.</param>
internal sealed record MatrixAdapter(AdapterWeights Weights, IReadOnlyList<float[]> Factors, AdapterLayout Layout) : IPreparedAdapter
{
    /// <inheritdoc/>
    public int PageCount => Layout.PageCount;

    /// <summary>Bytes of an adapter's matrices, its magnitudes and what they become.</summary>
    public static long BytesOf(AdapterWeights adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return adapter.Slices.Sum(slice => ((long)sizeof(ushort) * (slice.A.Length + slice.B.Length)) + (2L * sizeof(float) * slice.Magnitudes.Length));
    }

    /// <summary>Keeps the matrices of an adapter. Of one with magnitudes this reads the base weights that they are of.</summary>
    /// <param name="program">The model.</param>
    /// <param name="adapter">The matrices.</param>
    /// <param name="pageBytes">Bytes of a page.</param>
    /// <param name="read">Reads the base weights, on several threads at once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="AdapterRangeException">A factor is out of range.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static MatrixAdapter Of(ModelProgram program, AdapterWeights adapter, long pageBytes, ReadWeightRows read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(adapter);
        cancellationToken.ThrowIfCancellationRequested();
        var layout = AdapterLayout.Create(program.Slices, adapter, pageBytes); // It checks the matrices' sizes.
        return new MatrixAdapter(adapter, MagnitudeFactors.Of(program, adapter, read, PreparingThreads.Most, cancellationToken), layout);
    }

    /// <summary>What <see cref="Of"/> made.</summary>
    /// <exception cref="ArgumentException">Another kind of backend made it.</exception>
    public static MatrixAdapter From(IPreparedAdapter adapter) => adapter as MatrixAdapter ?? throw new ArgumentException("The adapter was prepared by another backend.", nameof(adapter));

    /// <summary>The collector takes the matrices.</summary>
    public void Dispose()
    {
    }
}
