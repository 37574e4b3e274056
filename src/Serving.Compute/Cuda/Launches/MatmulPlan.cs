using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Launches;

/// <summary>The products of one shape (n, k): which algorithm runs for how many rows, settled before the first step.</summary>
internal sealed class MatmulPlan : IDisposable
{
    /// <summary>The number of rows that a pinned algorithm is chosen for: a decode batch, where it counts most.</summary>
    private const int PinnedRows = 32;

    private readonly MatmulDescription _description;
    private readonly MatmulAlgorithm[] _algorithms;

    /// <summary>Chooses the algorithms. Each is asked whether it does every number of rows that it will run for: what is the fastest for some may refuse others.</summary>
    /// <param name="description">The product.</param>
    /// <param name="maxRows">Most rows of a step.</param>
    /// <param name="pinned">One algorithm for any number of rows, without splits of k: every row's bits are the same in any crowd.</param>
    public MatmulPlan(MatmulDescription description, int maxRows, bool pinned)
    {
        _description = description;
        _algorithms = new MatmulAlgorithm[BucketOf(maxRows) + 1];
        if (pinned)
        {
            Array.Fill(_algorithms, description.Choose(Math.Min(PinnedRows, maxRows), 1, maxRows, allowSplits: false));
            return;
        }

        for (var bucket = 0; bucket < _algorithms.Length; bucket++)
        {
            var most = Math.Min(maxRows, 1 << bucket);
            _algorithms[bucket] = description.Choose(most, bucket == 0 ? 1 : (1 << (bucket - 1)) + 1, most, allowSplits: true);
        }
    }

    /// <summary>Queues the product.</summary>
    public void Run(CudaStream stream, ulong weight, ulong input, ulong output, int rows) =>
        _description.Run(stream, in _algorithms[BucketOf(rows)], weight, input, output, rows);

    /// <inheritdoc/>
    public void Dispose() => _description.Dispose();

    /// <summary>Rows are taken together by powers of two, rounded up.</summary>
    private static int BucketOf(int rows) => rows <= 1 ? 0 : int.Log2(rows - 1) + 1;
}
