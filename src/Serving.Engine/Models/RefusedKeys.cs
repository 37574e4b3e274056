using System.Text.Json;

namespace Serving.Engine.Models;

/// <summary>
/// The keys of <c>config.json</c> that change arithmetic and are not implemented. A model that sets one to anything but its neutral value is
/// refused by name: an answer computed without it would look right and be wrong.
/// </summary>
internal static class RefusedKeys
{
    /// <summary>Shares of a head that are rotated by a token's place in time, in height and in width.</summary>
    public const string Sections = "mrope_section";

    /// <summary>Refused unless absent, null, false, 0, empty, or equal to the number given.</summary>
    private static readonly (string Key, double Neutral)[] Keys =
    [
        ("compression_config", 0), ("compression_ratio", 1),
        ("partial_rotary_factor", 1), ("rotary_pct", 1), ("rotary_dim", 0), ("rope_interleaved", 0), ("rope_local_base_freq", 0),
        ("no_rope_layers", 0), ("no_rope_layer_interval", 0), ("position_embedding_type", 0), ("alibi", 0), (Sections, 0), ("use_mrope", 0),
        ("attn_logit_softcapping", 0), ("final_logit_softcapping", 0), ("logit_scale", 1), ("logits_scaling", 1), ("clip_qkv", 0),
        ("embedding_multiplier", 1), ("residual_multiplier", 1), ("attention_multiplier", 0), ("query_pre_attn_scalar", 0),
        ("scale_emb", 1), ("scale_depth", 0), ("dim_model_base", 0), ("mup_enabled", 0), ("attn_temperature_tuning", 0),
        ("qk_layernorm", 0), ("use_qk_norm", 0), ("parallel_attn", 0), ("use_parallel_residual", 0), ("attention_chunk_size", 0),
        ("num_experts", 0), ("num_local_experts", 0), ("n_routed_experts", 0), ("moe_intermediate_size", 0), ("num_experts_per_tok", 0),
        ("shared_expert_intermediate_size", 0), ("shared_intermediate_size", 0), ("n_shared_experts", 0), ("first_k_dense_replace", 0), ("n_group", 0), ("routed_scaling_factor", 1),
        ("kv_lora_rank", 0), ("q_lora_rank", 0), ("cross_attention_layers", 0), ("is_encoder_decoder", 0), ("add_cross_attention", 0),
        ("vision_config", 0), ("audio_config", 0), ("attention_sinks", 0), ("swiglu_limit", 0), ("swiglu_alpha", 0), ("lm_head_bias", 0), ("rms_norm_add_unit_offset", 0),
        ("use_bidirectional_attention", 0), ("layer_scale", 0), ("ssm_cfg", 0), ("attn_layer_indices", 0), ("use_alibi", 0),
    ];

    /// <summary>Refuses the config if one of the keys is set that the family does not implement, or if the MLP's activation is not the family's.</summary>
    public static void Check(JsonFields fields, ConfigDefaults family)
    {
        foreach (var (key, neutral) in Keys)
        {
            if (!family.Implemented.Contains(key))
            {
                Refuse(fields, key, neutral);
            }
        }

        var parameters = fields.Object("rope_parameters");
        JsonFields?[] parts = [parameters, parameters?.Object(RopeConfig.FullAttention), parameters?.Object(RopeConfig.SlidingAttention), fields.Object("rope_scaling")];
        foreach (var rope in parts)
        {
            if (rope is not null)
            {
                if (!family.Implemented.Contains("partial_rotary_factor"))
                {
                    Refuse(rope, "partial_rotary_factor", 1);
                }

                if (!family.Implemented.Contains(Sections))
                {
                    Refuse(rope, Sections, 0);
                }
            }
        }

        foreach (var key in new[] { "hidden_act", "hidden_activation" })
        {
            if (fields.Text(key) is { } activation && !family.Activations.Contains(activation))
            {
                throw new MalformedFileException($"{key} {MalformedFileException.Quote(activation)} is not supported ({family.Activations[0]} is)");
            }
        }
    }

    private static void Refuse(JsonFields fields, string key, double neutral)
    {
        if (fields.TryGet(key, out var value) && !IsNeutral(value, neutral))
        {
            throw new MalformedFileException($"{key} is not supported");
        }
    }

    private static bool IsNeutral(JsonElement value, double neutral)
    {
        return value.ValueKind switch
        {
            JsonValueKind.False => true,
            JsonValueKind.Number => value.TryGetDouble(out var number) && number == neutral,
            JsonValueKind.Object => !value.EnumerateObject().Any(),
            JsonValueKind.Array => value.GetArrayLength() == 0,
            _ => false,
        };
    }
}
