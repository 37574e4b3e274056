using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Managed.Kernels;

/// <summary>One worker's scratch for attention: a gathered block of keys and values, scores, and the softmax state of a tile's query vectors.</summary>
internal sealed unsafe class AttentionState : IDisposable
{
    /// <summary>Ordinals of a block.</summary>
    public const int Block = 32;

    /// <summary>Ordinals of a split: what has a softmax state of its own.</summary>
    public const int Split = 512;

    /// <summary>Query vectors (rows × query heads of a key head) that a tile aims at.</summary>
    public const int TileQueries = 32;

    /// <summary>Floats per element of the gathered keys: a block, and what a page's 16 slots may stick out.</summary>
    public const int KeyStride = Block + 16;

    private readonly NativeBuffer<float> _memory;

    /// <summary>Takes the memory for heads of <paramref name="headSize"/> elements, <paramref name="group"/> query heads per key head.</summary>
    public AttentionState(int headSize, int group)
    {
        var queries = Math.Max(TileQueries, group);
        HeadStride = (headSize + 63) / 64 * 64;
        var keys = (long)headSize * KeyStride;
        var values = (long)(Block + 16) * HeadStride;
        var scores = (long)queries * Block;
        var sums = (long)queries * HeadStride;
        _memory = new NativeBuffer<float>(keys + values + scores + (2 * sums) + (2 * Block) + (4 * queries));
        Keys = _memory.Pointer;
        Values = Keys + keys;
        Scores = Values + values;
        Sums = Scores + scores;
        TotalSums = Sums + sums;
        KeyScales = TotalSums + sums;
        ValueScales = KeyScales + Block;
        Maxima = ValueScales + Block;
        Weights = Maxima + queries;
        TotalMaxima = Weights + queries;
        TotalWeights = TotalMaxima + queries;
    }

    /// <summary>Floats per row of values and of weighted sums: whole groups of 64.</summary>
    public int HeadStride { get; }

    /// <summary>[element][<see cref="KeyStride"/>].</summary>
    public float* Keys { get; }

    /// <summary>[ordinal of the block][<see cref="HeadStride"/>].</summary>
    public float* Values { get; }

    /// <summary>[block]: scales of the gathered keys, where they have any; of slots that nobody sees, anything.</summary>
    public float* KeyScales { get; }

    /// <summary>[block]: those of the values.</summary>
    public float* ValueScales { get; }

    /// <summary>[query][block]: scores, then probabilities.</summary>
    public float* Scores { get; }

    /// <summary>[query][<see cref="HeadStride"/>]: weighted sums of the split so far.</summary>
    public float* Sums { get; }

    /// <summary>[query][<see cref="HeadStride"/>]: weighted sums of the splits merged so far.</summary>
    public float* TotalSums { get; }

    /// <summary>[query]: largest score of the split so far.</summary>
    public float* Maxima { get; }

    /// <summary>[query]: sum of the split's exponentials.</summary>
    public float* Weights { get; }

    /// <summary>[query]: largest score of the splits merged so far.</summary>
    public float* TotalMaxima { get; }

    /// <summary>[query]: sum of their exponentials.</summary>
    public float* TotalWeights { get; }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
