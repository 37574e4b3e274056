using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Steps of a batch that decodes up to their logits, recorded once for batches of up to so many rows. Kernels read the true counts from the step's block, so that a recording serves every
/// batch that is not larger, whatever its adapters, contexts and pages.
/// </summary>
internal sealed class StepGraphs : IDisposable
{
    /// <summary>Rows of the recordings: close together where a step is short.</summary>
    private static readonly int[] Buckets = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256];

    /// <summary>More than are resident at once on any device.</summary>
    private const int ManyItems = 1 << 20;

    /// <summary>What the attention of a decoding batch takes.</summary>
    private enum DecodeAttention
    {
        /// <summary>One kernel: every row walks its context.</summary>
        Whole,

        /// <summary>Another that merges: some contexts are given out in pieces.</summary>
        Split,

        /// <summary>A third for splits that many rows share.</summary>
        Grouped,
    }

    private static readonly DecodeAttention[] Attentions = Enum.GetValues<DecodeAttention>();

    private readonly CudaGraph?[] _graphs = new CudaGraph?[Buckets.Length * 2 * Attentions.Length];
    private readonly int _maxRows;

    /// <summary>Records all buckets that the largest step can fill.</summary>
    public StepGraphs(IReadOnlyList<IStepWork> works, CudaStream stream, int maxRows)
    {
        _maxRows = Math.Min(maxRows, Buckets[^1]);
        for (var bucket = 0; bucket < Buckets.Length && (bucket == 0 || Buckets[bucket - 1] < _maxRows); bucket++)
        {
            var rows = Math.Min(Buckets[bucket], _maxRows);
            foreach (var adapters in (bool[])[false, true])
            {
                foreach (var attention in Attentions)
                {
                    _graphs[IndexOf(bucket, adapters, attention)] = Record(works, stream, SizeOf(rows, adapters, attention));
                }
            }
        }
    }

    /// <summary>Queues a recorded step; false where there is none for its size.</summary>
    public bool TryLaunch(CudaStream stream, in StepSize size)
    {
        // Steps with DoRA are queued launch by launch.
        if (!size.IsDecode || size.Rows > _maxRows || size.HasFactors)
        {
            return false;
        }

        var bucket = 0;
        while (Buckets[bucket] < size.Rows)
        {
            bucket++;
        }

        var attention = size.PrefillItems > 0 ? DecodeAttention.Grouped : size.HasPartials ? DecodeAttention.Split : DecodeAttention.Whole;
        _graphs[IndexOf(bucket, size.HasAdapters, attention)]!.Launch(stream);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var graph in _graphs)
        {
            graph?.Dispose();
        }
    }

    private static int IndexOf(int bucket, bool adapters, DecodeAttention attention) => (((bucket * 2) + (adapters ? 1 : 0)) * Attentions.Length) + (int)attention;

    /// <summary>
    /// Work lists may be of any length: their kernels are launched with all the blocks that are resident at once. Without adapters all rows are neighbours; with them each
    /// may have its own.
    /// </summary>
    private static StepSize SizeOf(int rows, bool adapters, DecodeAttention attention) => new()
    {
        Rows = rows,
        Outputs = rows,
        Sequences = rows,
        Tiles = adapters ? rows : RowTiles.EndsOf(rows),
        DecodeItems = ManyItems,
        PrefillItems = attention == DecodeAttention.Grouped ? ManyItems : 0,
        HasPartials = attention != DecodeAttention.Whole,
        HasAdapters = adapters,
    };

    private static CudaGraph Record(IReadOnlyList<IStepWork> works, CudaStream stream, StepSize size)
    {
        stream.BeginCapture();
        try
        {
            foreach (var work in works)
            {
                work.Queue(stream, in size);
            }
        }
        catch
        {
            stream.AbandonCapture();
            throw;
        }

        return stream.EndCapture();
    }
}
