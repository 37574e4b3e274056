using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Gemma 1 and CodeGemma (arXiv 2403.08295): a Llama with GELU by tanh, norms whose checkpoints hold the difference from 1, and embeddings times √hidden size.</summary>
public sealed class GemmaProgramBuilder : IProgramBuilder
{
    // These say nothing of a factor of scores but by the size of a head, nor of bounds.
    private static readonly ConfigDefaults Defaults = GemmaConfig.Defaults with { KvHeads = null, Positions = 8192, Implemented = [] };

    /// <inheritdoc/>
    public string Architecture => "GemmaForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return GemmaConfig.Complete(ConfigReader.Read(fields, Defaults), fields) with { Norms = LayerNorms.Before, AttentionScale = null };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
