using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Qwen 3.5 and Qwen3-Next: of four layers three remember by the gated delta rule (arXiv 2412.06464) and one attends, rotating a quarter of a head, and its output has a gate (arXiv 2505.06708); norms hold the difference
/// from 1. Qwen3-Next (80B-A3B) and some of Qwen 3.5 (35B-A3B, 122B-A10B, 397B-A17B) are mixtures of experts with an MLP that every token goes through. Of a Qwen 3.5 that sees images the decoder, which rotates by three
/// positions of a token: those of text are one. Layers that guess tokens ahead (<c>mtp</c>) are passed over.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="isPart">Whether the decoder is a part of a model that sees images, too.</param>
/// <param name="hasExperts">Whether it is a mixture of experts.</param>
/// <param name="isNext">Whether it is Qwen3-Next, whose checkpoints have what recurrent layers read in two tensors, key head by key head.</param>
public sealed class Qwen35ProgramBuilder(string architecture, bool isPart, bool hasExperts, bool isNext = false) : IProgramBuilder
{
    private const string Experts = "num_experts";
    private const string Width = "moe_intermediate_size";
    private const string SharedWidth = "shared_expert_intermediate_size";
    private const double RotatedShare = 0.25;

    private readonly ConfigDefaults _defaults = new(KvHeads: isNext || hasExperts ? 2 : 4, HeadSize: 256, UsesSlidingWindow: false)
    {
        Heads = 16,
        Positions = 32_768,

        // Where all MLPs are mixtures files do not have it.
        Intermediate = hasExperts ? 512 : null,
        Implemented = [DeltaRuleConfig.LayerTypes, PartialRotation.Key, RefusedKeys.Sections, .. hasExperts ? (string[])[Experts, "num_experts_per_tok", Width, SharedWidth] : []],
    };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return isPart ? DecoderPart.Read(fields, ReadDecoder) : ReadDecoder(fields);
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    private ModelConfig ReadDecoder(JsonFields fields)
    {
        if (fields.Flag("attention_bias", false))
        {
            throw new MalformedFileException("attention_bias is not supported in this family");
        }

        if (!fields.Flag("attn_output_gate", true))
        {
            throw new MalformedFileException("attn_output_gate that says no is not supported");
        }

        var config = DeltaRuleConfig.Apply(ConfigReader.Read(fields, _defaults, architecture), fields, isNext);
        return config with
        {
            NormOffset = 1,
            QueryKeyNorm = true,
            GatesAttention = true,
            RotatedSize = PartialRotation.Read(fields, config.Shape.HeadSize, RotatedShare),
            Mixture = hasExperts ? ReadMixture(fields, config.Shape.LayerCount) : null,
        };
    }

    /// <summary>Of Qwen 3.5 the weights of a token's choices always add up to 1, and every layer has experts.</summary>
    private MixtureConfig ReadMixture(JsonFields fields, int layers) => new(
        MixtureConfig.ReadShape(fields, Experts), fields.Int(Width, 1, ConfigReader.MaxIntermediate, 512), !isNext || fields.Flag("norm_topk_prob", true), MixtureTensors.Qwen)
    {
        Shared = SharedExpert.Qwen(fields.Int(SharedWidth, 1, ConfigReader.MaxIntermediate, 512)),
        DenseLayers = isNext ? QwenMoeProgramBuilder.DenseLayers(fields, layers) : new HashSet<int>(),
    };
}
