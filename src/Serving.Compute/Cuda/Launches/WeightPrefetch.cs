using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Between two products of a decoding step run kernels that wait for each other more than for memory. Beside them the first part of the next product's weight is
/// brought to L2, on a branch of its own:
/// <code>
///   stream   … product ─┬─ end, attention … ─┬─ next product …
///   branch              └─ prefetch ─────────┘
/// </code>
/// </summary>
internal sealed class WeightPrefetch(SideStream side, StepKernel kernel, MatmulLaunch next, long bytes, int blocks) : IStepWork
{
    /// <summary>More rows than this and products wait for tensor cores, not for memory.</summary>
    private const int MaxRows = 64;

    private const int LineBytes = 128;

    /// <summary>The next product, which has to stand behind <see cref="PrefetchJoin"/>.</summary>
    public MatmulLaunch Next => next;

    /// <summary>Whether a step of this size does it.</summary>
    public static bool IsFor(in StepSize size) => size.Rows <= MaxRows;

    /// <summary>Puts prefetches between all products of a list that have something between them.</summary>
    public static IEnumerable<IStepWork> Between(IReadOnlyList<IStepWork> works, SideStream side, StepKernel kernel, long bytes, int blocks)
    {
        var products = works.OfType<MatmulLaunch>().ToList();
        var at = 0;
        for (var i = 0; i < works.Count; i++)
        {
            var product = works[i] as MatmulLaunch;
            if (product is not null && at++ > 0)
            {
                yield return new PrefetchJoin(side);
            }

            yield return works[i];
            if (product is not null && at < products.Count)
            {
                yield return new WeightPrefetch(side, kernel, products[at], bytes, blocks);
            }
        }
    }

    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        if (!IsFor(in size))
        {
            return;
        }

        var parameters = Parameters(next.Weight, next.SplitsOf(in size), bytes);
        kernel.Kernel.Launch(side.Fork(stream), new CudaGrid(blocks), kernel.Threads, kernel.SharedBytes, in parameters);
    }

    /// <summary>The first lines of every row, or of every part of it where the sums are cut, so that they come to so many bytes.</summary>
    internal static PrefetchParameters Parameters(MatmulWeight weight, int splits, long bytes)
    {
        var rowBytes = weight.Stride * sizeof(ushort);
        var segmentBytes = rowBytes / splits / LineBytes * LineBytes;
        return new PrefetchParameters
        {
            Weight = weight.Address,
            Rows = weight.Rows,
            RowBytes = rowBytes,
            Segments = splits,
            SegmentBytes = segmentBytes,
            Lines = (int)Math.Min(segmentBytes / LineBytes, Math.Max(1, bytes / weight.Rows / splits / LineBytes)),
        };
    }
}

/// <summary>The end of a prefetch's branch.</summary>
internal sealed class PrefetchJoin(SideStream side) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        if (WeightPrefetch.IsFor(in size))
        {
            side.Join(stream);
        }
    }
}
