namespace Serving.Engine.Models;

/// <summary>What a family takes for keys that its <c>config.json</c> leaves out.</summary>
/// <param name="KvHeads">Key/value heads; null for as many as query heads.</param>
/// <param name="HeadSize">Elements of a head; null for hidden size ÷ heads.</param>
/// <param name="SlidingWindow">Attention window in tokens; null for none.</param>
/// <param name="UsesSlidingWindow">Whether a window that is given counts when <c>use_sliding_window</c> is left out.</param>
public sealed record ConfigDefaults(int? KvHeads = null, int? HeadSize = null, int? SlidingWindow = null, bool UsesSlidingWindow = true)
{
    /// <summary>Query heads; null where the key is required.</summary>
    public int? Heads { get; init; }

    /// <summary>Tokens of the vocabulary; null where the key is required.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>Width of the MLP; null where the key is required.</summary>
    public int? Intermediate { get; init; }

    /// <summary>Positions; null where the key is required.</summary>
    public int? Positions { get; init; }

    /// <summary>Whether the logits are made with the embedding table.</summary>
    public bool Tied { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Keys that change arithmetic in a way that this family's builder implements.</summary>
    public IReadOnlyList<string> Implemented { get; init; } = [];

    /// <summary>Names of the activation that the family has.</summary>
    public IReadOnlyList<string> Activations { get; init; } = ["silu", "swish"];

    /// <summary>Layers, from the first on, that have no window where others do and the file does not say how many.</summary>
    public int WindowlessLayers { get; init; }
}
