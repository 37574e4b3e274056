using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Gemma 2 (arXiv 2408.00118): norms before and after attention and MLP, bounded scores and logits, a window of 4,096 tokens on every second layer from the first on.</summary>
public sealed class Gemma2ProgramBuilder : IProgramBuilder
{
    private const int Window = 4096;

    private static readonly ConfigDefaults Defaults = GemmaConfig.Defaults with { Heads = 8, Vocabulary = 256_000, Positions = 8192 };

    /// <inheritdoc/>
    public string Architecture => "Gemma2ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, Defaults);
        return GemmaConfig.Complete(config, fields) with
        {
            ScoreCap = GemmaConfig.Cap(fields, "attn_logit_softcapping", 50),
            LogitCap = GemmaConfig.Cap(fields, "final_logit_softcapping", 30),
            Windows = WindowPattern.Read(fields, config.Shape.LayerCount, Window, 2),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
