using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

/// <summary>The sizes and features of a small random program.</summary>
public sealed record TestShape
{
    /// <summary>Width of the residual stream.</summary>
    public int Hidden { get; init; } = 64;

    /// <summary>Width of the MLP.</summary>
    public int Intermediate { get; init; } = 96;

    /// <summary>Layers.</summary>
    public int Layers { get; init; } = 2;

    /// <summary>Query heads.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Key and value heads.</summary>
    public int KvHeads { get; init; } = 2;

    /// <summary>Elements of a head.</summary>
    public int HeadSize { get; init; } = 16;

    /// <summary>Tokens of the vocabulary.</summary>
    public int Vocabulary { get; init; } = 97;

    /// <summary>Positions of the rotary table.</summary>
    public int Positions { get; init; } = 2048;

    /// <summary>q, k and v have biases (Qwen2).</summary>
    public bool Bias { get; init; }

    /// <summary>Queries and keys are normed per head (Qwen3).</summary>
    public bool HeadNorm { get; init; }

    /// <summary>The format of the matrices.</summary>
    public WeightFormat Format { get; init; }

    /// <summary>One weight for Embed and Logits.</summary>
    public bool Tied { get; init; } = true;
}
