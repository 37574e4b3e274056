using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What Gemma 2 and 3 have in common in their configuration.</summary>
internal static class GemmaConfig
{
    private const float MaxCap = 1e6f;

    /// <summary>What both take for keys that are left out.</summary>
    public static ConfigDefaults Defaults { get; } = new(KvHeads: 4, HeadSize: 256)
    {
        Tied = true,
        Implemented = ["attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"],

        // hidden_act says "gelu" in some files and is not what the model is run with; hidden_activation is, and it is GELU by tanh.
        Activations = ["gelu_pytorch_tanh", "gelu"],
    };

    /// <summary>Adds what the families have in common to a config.</summary>
    public static ModelConfig Complete(ModelConfig config, JsonFields fields)
    {
        if (fields.Text("hidden_activation", Defaults.Activations[0]) != Defaults.Activations[0])
        {
            throw new MalformedFileException($"hidden_activation is not supported ({Defaults.Activations[0]} is)");
        }

        var bias = fields.Flag("attention_bias", false);
        return config with
        {
            Activation = GateActivation.GeluTanh,
            NormOffset = 1,
            Norms = LayerNorms.Gemma,
            QkvBias = bias,
            OutputBias = bias,
            AttentionScale = (float)(1 / Math.Sqrt(fields.Number("query_pre_attn_scalar", 1e-3, 1e6, 256))),

            // The factor is rounded to the type of the published weights.
            EmbeddingScale = BFloat16Bits.Round((float)Math.Sqrt(config.Shape.HiddenSize)),
        };
    }

    /// <summary>A bound of scores or logits; null says that there is none, and so does the absence of the key where the family has none.</summary>
    public static float Cap(JsonFields fields, string name, float otherwise)
    {
        var isNull = fields.Element.TryGetProperty(name, out _) && !fields.Has(name);
        return isNull ? 0 : fields.Has(name) ? (float)fields.Number(name, 1e-3, MaxCap) : otherwise;
    }
}
