namespace Serving.Engine.Models;

/// <summary>
/// The factors that Granite and MiniCPM have of embeddings, scores, additions to the residual stream and logits. No op has that of additions: the residual stream is kept divided by its
/// factor m, so that o and down are added to it as they are, and what is not changed by it, since norms see the ratio of its elements alone, is
/// <code>
///   r' = r ÷ m      embedding × (e ÷ m)      norm(r) with ε  =  norm(r') with ε ÷ m²
/// </code>
/// </summary>
internal static class GraniteFactors
{
    private const double Least = 1e-4;
    private const double Most = 1e4;
    private const string Embedding = "embedding_multiplier";
    private const string Residual = "residual_multiplier";
    private const string Attention = "attention_multiplier";
    private const string Logits = "logits_scaling";

    /// <summary>Granite's keys of them.</summary>
    public static IReadOnlyList<string> Keys { get; } = [Embedding, Residual, Attention, Logits];

    /// <summary>Adds what Granite's keys say.</summary>
    public static ModelConfig Apply(ModelConfig config, JsonFields fields) =>
        Apply(config, fields.Number(Embedding, Least, Most, 1), fields.Number(Residual, Least, Most, 1), 1 / fields.Number(Logits, Least, Most, 1)) with
        {
            AttentionScale = (float)fields.Number(Attention, Least, Most, 1),
        };

    /// <summary>Adds factors of embeddings, of what is added to the residual stream, and of the logits.</summary>
    public static ModelConfig Apply(ModelConfig config, double embedding, double residual, double logits) => config with
    {
        ResidualScale = (float)residual,
        RmsEpsilon = (float)(config.RmsEpsilon / (residual * residual)),
        EmbeddingScale = (float)(embedding / residual),
        LogitScale = (float)logits,
    };
}
