using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Managed.Sampling;

/// <summary>One worker's scratch for sampling a row.</summary>
internal sealed unsafe class SamplerScratch : IDisposable
{
    private readonly NativeBuffer<float> _values;

    /// <summary>Takes the memory for a vocabulary.</summary>
    public SamplerScratch(int vocabularySize)
    {
        VocabularySize = vocabularySize;
        _values = new NativeBuffer<float>(((vocabularySize + 15) / 16 * 16) + 16);
    }

    /// <summary>Tokens.</summary>
    public int VocabularySize { get; }

    /// <summary>[vocabulary]: logits after bias and penalties, then probabilities.</summary>
    public float* Values => _values.Pointer;

    /// <summary>Mass or count of the values by the leading bits of their order.</summary>
    public double[] Bins { get; } = new double[RankSelection.BinCount];

    /// <inheritdoc/>
    public void Dispose() => _values.Dispose();
}
