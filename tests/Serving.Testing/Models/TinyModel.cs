using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Testing.Models;

/// <summary>
/// A model folder made from a seed: hidden 64, 2 layers, 4 heads and 2 key/value heads of 16, MLP 96, 128 tokens.
/// Weights are multiples of 2⁻⁸ within ±0.25, so that every element type holds them exactly.
/// </summary>
public sealed partial class TinyModel
{
    /// <summary>Width of the residual stream.</summary>
    public const int Hidden = 64;

    /// <summary>Width of the MLP.</summary>
    public const int Intermediate = 96;

    /// <summary>Layers.</summary>
    public const int Layers = 2;

    /// <summary>Tokens.</summary>
    public const int Vocabulary = 128;

    private const int SharedWidth = 56;
    private const int QueryWidth = 64;
    private const int KvWidth = 32;
    private const int HeadSize = 16;

    private readonly Random _random;

    /// <summary>Makes the config and the tensors of a family.</summary>
    public TinyModel(string architecture, int seed = 1)
    {
        _random = new Random(seed);
        Config = new JsonObject
        {
            ["architectures"] = new JsonArray(architecture),
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2,
            ["head_dim"] = HeadSize,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = 256,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10000.0,
            ["hidden_act"] = "silu",
            ["tie_word_embeddings"] = false,
            ["sliding_window"] = null,
            ["eos_token_id"] = 2,
        };
        AddCommonTensors();
    }

    /// <summary>What <c>config.json</c> will say; change it before <see cref="Write"/>.</summary>
    public JsonObject Config { get; }

    /// <summary>The tensors by name; change them before <see cref="Write"/>.</summary>
    public SortedDictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>How elements are stored.</summary>
    public string ElementType { get; set; } = "BF16";

    /// <summary>Adds a tensor of random values.</summary>
    public void Add(string name, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (product, dimension) => product * dimension)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = _random.Next(-64, 65) / 256f;
        }

        Tensors[name] = (shape, values);
    }

    /// <summary>Adds biases of q, k and v to every layer.</summary>
    public void AddQkvBiases() => ForEachLayer(layer =>
    {
        Add($"{layer}.self_attn.q_proj.bias", QueryWidth);
        Add($"{layer}.self_attn.k_proj.bias", KvWidth);
        Add($"{layer}.self_attn.v_proj.bias", KvWidth);
    });

    /// <summary>Adds biases of o to every layer.</summary>
    public void AddOutputBiases() => ForEachLayer(layer => Add($"{layer}.self_attn.o_proj.bias", Hidden));

    /// <summary>Adds biases of gate, up and down to every layer.</summary>
    public void AddMlpBiases() => ForEachLayer(layer =>
    {
        Add($"{layer}.mlp.gate_proj.bias", Intermediate);
        Add($"{layer}.mlp.up_proj.bias", Intermediate);
        Add($"{layer}.mlp.down_proj.bias", Hidden);
    });

    /// <summary>Adds the norms of q and k heads to every layer.</summary>
    public void AddHeadNorms() => ForEachLayer(layer =>
    {
        Add($"{layer}.self_attn.q_norm.weight", HeadSize);
        Add($"{layer}.self_attn.k_norm.weight", HeadSize);
    });

    /// <summary>
    /// Makes it one of Gemma's families: norms after attention and before and after the MLP, a window of 7 on the first layer, scores by a number of their own, bounds that bite;
    /// Gemma 3 has norms of heads and rotary tables for both kinds of layers in the place of the bounds.
    /// </summary>
    public void MakeGemma(int version)
    {
        Config.Remove("hidden_act");
        Config["hidden_activation"] = "gelu_pytorch_tanh";
        Config["sliding_window"] = 7;
        Config["query_pre_attn_scalar"] = 24;
        ForEachLayer(layer =>
        {
            Add($"{layer}.pre_feedforward_layernorm.weight", Hidden);
            Add($"{layer}.post_feedforward_layernorm.weight", Hidden);
        });
        if (version == 2)
        {
            Config["attn_logit_softcapping"] = 2.5;
            Config["final_logit_softcapping"] = 4.0;
            return;
        }

        Config["sliding_window_pattern"] = 2;
        Config["rope_theta"] = 50_000.0;
        Config["rope_local_base_freq"] = 500.0;
        Config["rope_scaling"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = 8.0 };
        AddHeadNorms();
    }

    /// <summary>Adds norms of all heads of q as one, and of all of k, to every layer.</summary>
    public void AddNormsOfAllHeads() => ForEachLayer(layer =>
    {
        Add($"{layer}.self_attn.q_norm.weight", QueryWidth);
        Add($"{layer}.self_attn.k_norm.weight", KvWidth);
    });

    /// <summary>Moves the norms of every layer from before attention and MLP to behind them.</summary>
    public void MoveNormsBehind() => ForEachLayer(layer =>
    {
        Tensors.Remove($"{layer}.input_layernorm.weight");
        Add($"{layer}.post_feedforward_layernorm.weight", Hidden);
    });

    /// <summary>Makes it GLM-4: biases on q, k and v, gate and up in one tensor, an eighth or more of a head rotated; of 0414 norms behind attention and MLP, too.</summary>
    public void MakeGlm(double rotatedShare)
    {
        Config["partial_rotary_factor"] = rotatedShare;
        AddQkvBiases();
        ForEachLayer(layer =>
        {
            Fuse($"{layer}.mlp.gate_up_proj.weight", $"{layer}.mlp.gate_proj.weight", $"{layer}.mlp.up_proj.weight");
            if ((string)Config["architectures"]![0]! == "Glm4ForCausalLM")
            {
                Add($"{layer}.post_self_attn_layernorm.weight", Hidden);
                Add($"{layer}.post_mlp_layernorm.weight", Hidden);
            }
        });
    }

    /// <summary>Makes it EXAONE 4: norms behind attention and MLP alone and of every head; where asked for a window of 7 on the first layer, and no rotation on the other.</summary>
    public void MakeExaone(bool hasWindow)
    {
        MoveNormsBehind();
        AddHeadNorms();
        if (hasWindow)
        {
            Config["sliding_window"] = 7;
            Config["layer_types"] = new JsonArray("sliding_attention", "full_attention");
        }
    }

    /// <summary>Makes it OLMo 2 or 3: norms behind attention and MLP alone, of all heads together; of the third a window of 7 on the first layer and YaRN on the other.</summary>
    public void MakeOlmo(int version)
    {
        MoveNormsBehind();
        AddNormsOfAllHeads();
        if (version == 3)
        {
            Config["sliding_window"] = 7;
            Config["layer_types"] = new JsonArray("sliding_attention", "full_attention");
            Config["rope_scaling"] = new JsonObject { ["rope_type"] = "yarn", ["factor"] = 8.0, ["original_max_position_embeddings"] = 32, ["beta_fast"] = 32.0, ["beta_slow"] = 1.0 };
        }
    }

    /// <summary>
    /// Gives layers, from <paramref name="firstLayer"/> on, six experts of width 40 in the place of their MLP, two of which a token goes through, under the names that the family has
    /// for them.
    /// </summary>
    public void MakeMixture(int firstLayer = 0)
    {
        const int Experts = 6;
        const int Width = 40;
        var family = (string)Config["architectures"]![0]!;
        var isOlmoe = family.StartsWith("Olmoe", StringComparison.Ordinal);
        var isQwen = isOlmoe || family.StartsWith("Qwen", StringComparison.Ordinal);
        Config[isQwen ? "num_experts" : "num_local_experts"] = Experts;
        Config["num_experts_per_tok"] = 2;
        Config[isQwen && !isOlmoe ? "moe_intermediate_size" : "intermediate_size"] = Width;
        var shared = family is "Qwen2MoeForCausalLM" or "Qwen3NextForCausalLM" or "Qwen3_5MoeForCausalLM" or "Qwen3_5MoeForConditionalGeneration" or "GraniteMoeSharedForCausalLM";
        if (shared)
        {
            Config[isQwen ? "shared_expert_intermediate_size" : "shared_intermediate_size"] = SharedWidth;
        }

        for (var layer = firstLayer; layer < Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            AddShared(prefix, shared, isQwen);
            Tensors.Remove(prefix + "mlp.gate_proj.weight");
            Tensors.Remove(prefix + "mlp.up_proj.weight");
            Tensors.Remove(prefix + "mlp.down_proj.weight");
            if (family.StartsWith("Granite", StringComparison.Ordinal))
            {
                Add(prefix + "block_sparse_moe.router.layer.weight", Experts, Hidden);
                Add(prefix + "block_sparse_moe.input_linear.weight", Experts, 2 * Width, Hidden);
                Add(prefix + "block_sparse_moe.output_linear.weight", Experts, Hidden, Width);
                continue;
            }

            var (part, gate, up, down) = isQwen ? ("mlp", "gate_proj", "up_proj", "down_proj") : ("block_sparse_moe", "w1", "w3", "w2");
            Add($"{prefix}{part}.gate.weight", Experts, Hidden);
            for (var expert = 0; expert < Experts; expert++)
            {
                Add($"{prefix}{part}.experts.{expert}.{gate}.weight", Width, Hidden);
                Add($"{prefix}{part}.experts.{expert}.{up}.weight", Width, Hidden);
                Add($"{prefix}{part}.experts.{expert}.{down}.weight", Hidden, Width);
            }
        }
    }

    /// <summary>An MLP that all tokens go through beside the experts, under Qwen's names or Granite's.</summary>
    private void AddShared(string layer, bool isThere, bool isQwen)
    {
        if (isThere && isQwen)
        {
            Add(layer + "mlp.shared_expert_gate.weight", 1, Hidden);
            Add(layer + "mlp.shared_expert.gate_proj.weight", SharedWidth, Hidden);
            Add(layer + "mlp.shared_expert.up_proj.weight", SharedWidth, Hidden);
            Add(layer + "mlp.shared_expert.down_proj.weight", Hidden, SharedWidth);
        }
        else if (isThere)
        {
            Add(layer + "shared_mlp.input_linear.weight", 2 * SharedWidth, Hidden);
            Add(layer + "shared_mlp.output_linear.weight", Hidden, SharedWidth);
        }
    }

    /// <summary>
    /// Makes it a gpt-oss: sinks, biases throughout, a window of 7 on the first layer, YaRN whose ramp is not rounded, and in the place of MLPs six experts of a width, of which a token goes through
    /// two, whose gates pass their bound. Tensors as plain checkpoints have them: gate and up in turns, matrices input by input.
    /// </summary>
    public void MakeGptOss(int width = 40)
    {
        const int Experts = 6;
        Config["num_local_experts"] = Experts;
        Config["num_experts_per_tok"] = 2;
        Config["intermediate_size"] = width;
        Config["sliding_window"] = 7;
        Config["swiglu_limit"] = 0.25;
        Config["attention_bias"] = true;
        Config["rope_scaling"] = new JsonObject { ["rope_type"] = "yarn", ["factor"] = 8.0, ["original_max_position_embeddings"] = 32, ["beta_fast"] = 32.0, ["beta_slow"] = 1.0, ["truncate"] = false };
        AddQkvBiases();
        AddOutputBiases();
        ForEachLayer(layer =>
        {
            foreach (var projection in new[] { "gate", "up", "down" })
            {
                Tensors.Remove($"{layer}.mlp.{projection}_proj.weight");
            }

            Add($"{layer}.self_attn.sinks", 4);
            Add($"{layer}.mlp.router.weight", Experts, Hidden);
            Add($"{layer}.mlp.router.bias", Experts);
            Add($"{layer}.mlp.experts.gate_up_proj", Experts, Hidden, 2 * width);
            Add($"{layer}.mlp.experts.gate_up_proj_bias", Experts, 2 * width);
            Add($"{layer}.mlp.experts.down_proj", Experts, width, Hidden);
            Add($"{layer}.mlp.experts.down_proj_bias", Experts, Hidden);
        });
    }

    /// <summary>Makes the decoder a part of a model that sees images, whose tensors have names of either spelling, and adds one tensor of the part that does.</summary>
    public void MakePart(string decoder = "language_model.model.", string vision = "vision_tower.")
    {
        var (text, architecture) = (Config.DeepClone().AsObject(), (string)Config["architectures"]![0]!);
        text.Remove("architectures");
        Config.Clear();
        Config["architectures"] = new JsonArray(architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal) ? architecture : "Gemma3ForConditionalGeneration");
        Config["eos_token_id"] = new JsonArray(1, 106);
        Config["vision_config"] = new JsonObject { ["hidden_size"] = 1152 };
        Config["text_config"] = text;
        foreach (var name in Tensors.Keys.ToList())
        {
            Tensors.Remove(name, out var tensor);
            Tensors[name == "lm_head.weight" ? (decoder.StartsWith("model.", StringComparison.Ordinal) ? name : "language_model." + name) : decoder + name["model.".Length..]] = tensor;
        }

        Add(vision + "vision_model.embeddings.patch_embedding.weight", 4, 3, 2, 2);
    }

    /// <summary>Makes it Granite 4 without layers that have a state space: gate, up and down are those of what all tokens go through.</summary>
    public void MakeGranite4()
    {
        Config["architectures"] = new JsonArray("GraniteMoeHybridForCausalLM");
        Config["layer_types"] = new JsonArray([.. Enumerable.Range(0, Layers).Select(_ => (JsonNode)"attention")]);
        (Config["position_embedding_type"], Config["num_local_experts"], Config["num_experts_per_tok"], Config["shared_intermediate_size"]) = ("rope", 0, 0, Intermediate);
        ForEachLayer(layer =>
        {
            Fuse($"{layer}.shared_mlp.input_linear.weight", $"{layer}.mlp.gate_proj.weight", $"{layer}.mlp.up_proj.weight");
            Fuse($"{layer}.shared_mlp.output_linear.weight", $"{layer}.mlp.down_proj.weight");
        });
    }

    /// <summary>Makes q, k and v one tensor, and gate and up another, as Phi-3 has them.</summary>
    public void FuseProjections() => ForEachLayer(layer =>
    {
        Fuse($"{layer}.self_attn.qkv_proj.weight", $"{layer}.self_attn.q_proj.weight", $"{layer}.self_attn.k_proj.weight", $"{layer}.self_attn.v_proj.weight");
        Fuse($"{layer}.mlp.gate_up_proj.weight", $"{layer}.mlp.gate_proj.weight", $"{layer}.mlp.up_proj.weight");
    });

    private void Fuse(string name, params ReadOnlySpan<string> parts)
    {
        var (rows, values) = (0L, new List<float>());
        foreach (var part in parts)
        {
            rows += Tensors[part].Shape[0];
            values.AddRange(Tensors[part].Values);
            Tensors.Remove(part);
        }

        Tensors[name] = ([rows, values.Count / rows], [.. values]);
    }

    /// <summary>Writes the folder, in one file or in as many shards as given, tensors dealt in turn.</summary>
    public void Write(string folder, int shards = 1)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), Config.ToJsonString());
        var writers = Enumerable.Range(0, shards).Select(_ => new SafetensorsWriter()).ToArray();
        var map = new JsonObject();
        var next = 0;
        foreach (var (name, (shape, values)) in Tensors)
        {
            writers[next].Add(name, ElementType, shape, values);
            map[name] = ShardName(next, shards);
            next = (next + 1) % shards;
        }

        for (var i = 0; i < shards; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, ShardName(i, shards)), writers[i].ToArray());
        }

        if (shards > 1)
        {
            var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = 0 }, ["weight_map"] = map };
            File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString(JsonSerializerOptions.Default));
        }
    }

    private static string ShardName(int shard, int shards)
    {
        return shards == 1 ? "model.safetensors" : $"model-{shard + 1:D5}-of-{shards:D5}.safetensors";
    }

    private static void ForEachLayer(Action<string> add)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            add($"model.layers.{layer}");
        }
    }

    private void AddCommonTensors()
    {
        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        Add("lm_head.weight", Vocabulary, Hidden);
        Add("model.norm.weight", Hidden);
        ForEachLayer(layer =>
        {
            Add($"{layer}.input_layernorm.weight", Hidden);
            Add($"{layer}.post_attention_layernorm.weight", Hidden);
            Add($"{layer}.self_attn.q_proj.weight", QueryWidth, Hidden);
            Add($"{layer}.self_attn.k_proj.weight", KvWidth, Hidden);
            Add($"{layer}.self_attn.v_proj.weight", KvWidth, Hidden);
            Add($"{layer}.self_attn.o_proj.weight", Hidden, QueryWidth);
            Add($"{layer}.mlp.gate_proj.weight", Intermediate, Hidden);
            Add($"{layer}.mlp.up_proj.weight", Intermediate, Hidden);
            Add($"{layer}.mlp.down_proj.weight", Hidden, Intermediate);
        });
    }
}
