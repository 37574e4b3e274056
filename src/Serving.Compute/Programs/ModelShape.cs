namespace Serving.Compute.Programs;

/// <summary>The sizes of a model that its page layout and its kernels depend on.</summary>
/// <param name="HiddenSize">Width of the residual stream.</param>
/// <param name="IntermediateSize">Width of the MLP.</param>
/// <param name="LayerCount">Number of transformer layers.</param>
/// <param name="HeadCount">Query heads per layer.</param>
/// <param name="KvHeadCount">Key/value heads per layer; divides <paramref name="HeadCount"/>.</param>
/// <param name="HeadSize">Elements of one head (read from the config, not derived).</param>
/// <param name="VocabularySize">Rows of the embedding table and columns of the logits.</param>
public sealed record ModelShape(
    int HiddenSize,
    int IntermediateSize,
    int LayerCount,
    int HeadCount,
    int KvHeadCount,
    int HeadSize,
    int VocabularySize)
{
    /// <summary>Tokens whose keys and values one page holds, over all layers.</summary>
    public const int PageTokens = 16;

    /// <summary>Pages are rounded up to this many bytes.</summary>
    public const int PageGranule = 4096;

    private readonly int? _kvLayerCount;

    /// <summary>How keys and values are kept.</summary>
    public KeyValueFormat KeyValues { get; init; }

    /// <summary>Layers whose keys and values pages hold: fewer than all of a model that attends in some of its layers only. Those ops that name a layer count these.</summary>
    public int KvLayerCount
    {
        get => _kvLayerCount ?? LayerCount;
        init => _kvLayerCount = value;
    }

    /// <summary>
    /// Bytes that a sequence's recurrent state takes: what layers without attention remember of all tokens before. It lies in pages, in order, each filled before the next; 0 for models in
    /// which every layer attends.
    /// </summary>
    public long StateBytes { get; init; }

    /// <summary>Pages that a sequence's recurrent state takes.</summary>
    public int StatePages => checked((int)((StateBytes + PageBytes - 1) / PageBytes));

    /// <summary>Width of all query heads side by side.</summary>
    public int QueryWidth => HeadCount * HeadSize;

    /// <summary>Width of all key (or value) heads side by side.</summary>
    public int KvWidth => KvHeadCount * HeadSize;

    /// <summary>Bytes of one page: keys and values of 16 tokens over all layers that have some, rounded up to 4 KiB.</summary>
    public long PageBytes
    {
        get
        {
            var head = KeyValues == KeyValueFormat.Int8 ? HeadSize + sizeof(float) : HeadSize * sizeof(ushort);
            var bytes = checked((long)PageTokens * KvLayerCount * 2 * KvHeadCount * head);
            return (bytes + PageGranule - 1) / PageGranule * PageGranule;
        }
    }
}
