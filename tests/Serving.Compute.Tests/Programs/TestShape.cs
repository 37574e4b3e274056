using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

/// <summary>The sizes and features of a small random program.</summary>
public sealed record TestShape
{
    /// <summary>Gemma 2 in small: a window on every second layer, bounded scores and logits.</summary>
    public static TestShape Gemma2 { get; } = new() { Gemma = true, Window = 21, ScoreCap = 5, LogitCap = 12, LogitScale = 1.3f, Heads = 4, KvHeads = 2, HeadSize = 32 };

    /// <summary>Gemma 3 in small: heads wider than their share of the residual stream, normed; two rotary tables; and logits with a factor (Granite).</summary>
    public static TestShape Gemma3 { get; } = new() { Gemma = true, Window = 9, HeadNorm = true, LogitScale = 0.3f, Layers = 3, Heads = 4, KvHeads = 1, HeadSize = 64, Hidden = 80 };

    /// <summary>Experts whose width is no multiple of anything, and more of them than a few rows choose.</summary>
    public static TestShape Mixture { get; } = new() { Experts = 5, Intermediate = 44, Hidden = 72 };

    /// <summary>gpt-oss in small: a window on every second layer, sinks, biases everywhere and experts' gates within bounds that some values pass.</summary>
    public static TestShape GptOss { get; } = Mixture with { Oss = true, Window = 21, Bias = true, Heads = 8, KvHeads = 1, Tied = false };

    /// <summary>OLMo 3 in small: no norms before attention and MLP, all heads of q normed together, and those of k, a window on every second layer with a rotary table of its own.</summary>
    public static TestShape Olmo3 { get; } = new() { Olmo = true, Window = 21, Hidden = 80, Heads = 3, KvHeads = 1, HeadSize = 48 };

    /// <summary>
    /// Nemotron, Phi 2, StableLM and Apertus in small: LayerNorms with biases and of heads, one norm for attention and MLP, MLPs without gates by each activation, logits with a bias and a factor.
    /// </summary>
    public static TestShape LayerNorms { get; } = new() { Layers = 3, Centred = true, HeadNorm = true, Bias = true, Window = 21, Tied = false, LogitScale = 1.3f, Hidden = 84, Intermediate = 102, Heads = 6, KvHeads = 2, HeadSize = 20 };

    /// <summary>
    /// Qwen3-Next in small: two of three layers remember, attention's output has a gate. Keys and values of one layer make pages of 4 KiB, heads of a state cross their borders.
    /// </summary>
    public static TestShape Hybrid { get; } = new()
    {
        Layers = 5,
        AttendsEvery = 3,
        OutputGate = true,
        HeadNorm = true,
        Hidden = 80,
        HeadSize = 32,
        Heads = 4,
        KvHeads = 1,
        KeyHeads = 2,
        ValueHeads = 4,
        KeySize = 32,
        ValueSize = 48,
        Tied = false,
    };

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

    /// <summary>They are normed behind the rotation (Hunyuan).</summary>
    public bool NormsTurned { get; init; }

    /// <summary>Norms hold the difference from 1; what attention and MLP give back is normed, too; gates go through GELU; embeddings are scaled (Gemma 2 and 3).</summary>
    public bool Gemma { get; init; }

    /// <summary>Norms stand behind attention and MLP alone; queries and keys are normed over all their heads (OLMo 2 and 3).</summary>
    public bool Olmo { get; init; }

    /// <summary>
    /// Norms subtract the mean and have biases, and weights that hold the difference from 1, those of heads a weight for each; attention and MLP read the same input in layers of odd number; MLPs
    /// have no gate; logits have a bias.
    /// </summary>
    public bool Centred { get; init; }

    /// <summary>Heads have sinks; router and experts have biases, and o where q has; gates go through SwiGLU with a limit of 1.5 (gpt-oss).</summary>
    public bool Oss { get; init; }

    /// <summary>Ordinals that layers of even number attend to, with a rotary table of their own; 0 for all.</summary>
    public int Window { get; init; }

    /// <summary>Bound of attention's scores; 0 for none.</summary>
    public float ScoreCap { get; init; }

    /// <summary>Bound of the logits; 0 for none.</summary>
    public float LogitCap { get; init; }

    /// <summary>Factor of the logits.</summary>
    public float LogitScale { get; init; } = 1;

    /// <summary>Of so many layers the last attends, the others have a recurrent state; 1 for attention everywhere.</summary>
    public int AttendsEvery { get; init; } = 1;

    /// <summary>What attention gives back has a gate.</summary>
    public bool OutputGate { get; init; }

    /// <summary>Key heads of layers that remember.</summary>
    public int KeyHeads { get; init; } = 2;

    /// <summary>Their value heads.</summary>
    public int ValueHeads { get; init; } = 4;

    /// <summary>Elements of their keys.</summary>
    public int KeySize { get; init; } = 16;

    /// <summary>Elements of their values.</summary>
    public int ValueSize { get; init; } = 16;

    /// <summary>Rows that their convolution reads.</summary>
    public int Taps { get; init; } = 4;

    /// <summary>Their convolutions have a bias and no activation.</summary>
    public bool PlainConvolution { get; init; }

    /// <summary>Experts of every layer's MLP, each as wide as <see cref="Intermediate"/> says; 0 for an MLP of one.</summary>
    public int Experts { get; init; }

    /// <summary>Width of an MLP that every token goes through beside its experts, multiplied by a factor of its own; 0 for none (Qwen2 MoE).</summary>
    public int Shared { get; init; }

    /// <summary>Experts that a token goes through.</summary>
    public int Choices { get; init; } = 2;

    /// <summary>Whether the weights of a token's choices add up to 1.</summary>
    public bool Renormalize { get; init; } = true;

    /// <summary>Whether adapters may change experts and what chooses them.</summary>
    public bool AdaptsExperts { get; init; }

    /// <summary>Adapters of even seeds have magnitudes (DoRA), those of odd ones have none.</summary>
    public bool HasMagnitudes { get; init; }

    /// <summary>The format of the matrices.</summary>
    public WeightFormat Format { get; init; }

    /// <summary>The format of keys and values.</summary>
    public KeyValueFormat KeyValues { get; init; }

    /// <summary>One weight for Embed and Logits.</summary>
    public bool Tied { get; init; } = true;
}
