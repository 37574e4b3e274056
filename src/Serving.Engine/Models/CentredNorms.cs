namespace Serving.Engine.Models;

/// <summary>What families whose norms are LayerNorms have in common.</summary>
internal static class CentredNorms
{
    /// <summary>A configuration with LayerNorms.</summary>
    /// <param name="config">What it has in common with all families.</param>
    /// <param name="fields">The file.</param>
    /// <param name="epsilon">The key of what is added to the variance.</param>
    /// <param name="hasBias">Whether norms have biases.</param>
    public static ModelConfig Apply(ModelConfig config, JsonFields fields, string epsilon, bool hasBias) =>
        config with { RmsEpsilon = (float)fields.Number(epsilon, 1e-12, 1e-2, 1e-5), CentresNorms = true, NormBias = hasBias };
}
