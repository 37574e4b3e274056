using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.Engine.Loading;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Writes a model in Hugging Face's layout as a GGUF file, as llama.cpp's converter does.</summary>
internal static partial class GgufConverter
{
    internal static readonly IReadOnlyDictionary<string, string> Families = new Dictionary<string, string>
    {
        ["LlamaForCausalLM"] = "llama",
        ["MixtralForCausalLM"] = "llama",
        ["Ministral3ForCausalLM"] = "mistral3",
        ["GemmaForCausalLM"] = "gemma",
        ["Phi3ForCausalLM"] = "phi3",
        ["GlmForCausalLM"] = "chatglm",
        ["MiniCPMForCausalLM"] = "minicpm",
        ["GraniteMoeForCausalLM"] = "granitemoe",
        ["GraniteMoeSharedForCausalLM"] = "granitemoe",
        ["GraniteMoeHybridForCausalLM"] = "granite",
        ["GraniteForCausalLM"] = "granite",
        ["SmolLM3ForCausalLM"] = "smollm3",
        ["Qwen2ForCausalLM"] = "qwen2",
        ["Qwen3ForCausalLM"] = "qwen3",
        ["Qwen3MoeForCausalLM"] = "qwen3moe",
        ["Gemma2ForCausalLM"] = "gemma2",
        ["Gemma3ForCausalLM"] = "gemma3",
        ["GptOssForCausalLM"] = "gpt-oss",
        ["Olmo2ForCausalLM"] = "olmo2",
        ["Olmo3ForCausalLM"] = "olmo2",
        ["OlmoeForCausalLM"] = "olmoe",
        ["Qwen2MoeForCausalLM"] = "qwen2moe",
        ["Glm4ForCausalLM"] = "glm4",
        ["Exaone4ForCausalLM"] = "exaone4",
        ["SeedOssForCausalLM"] = "seed_oss",
        ["Ernie4_5ForCausalLM"] = "ernie4_5",
        ["CohereForCausalLM"] = "command-r",
        ["Cohere2ForCausalLM"] = "cohere2",
        ["Starcoder2ForCausalLM"] = "starcoder2",
        ["StableLmForCausalLM"] = "stablelm",
        ["PhiForCausalLM"] = "phi2",
        ["NemotronForCausalLM"] = "nemotron",
        ["ApertusForCausalLM"] = "apertus",
        ["HunYuanDenseV1ForCausalLM"] = "hunyuan-dense",
        ["Qwen3NextForCausalLM"] = "qwen3next",
        ["Qwen3_5ForCausalLM"] = "qwen35",
        ["Qwen3_5MoeForCausalLM"] = "qwen35moe",
    };

    internal static readonly IReadOnlyDictionary<string, string> Names = new Dictionary<string, string>
    {
        ["model.embed_tokens"] = "token_embd",
        ["model.norm"] = "output_norm",
        ["lm_head"] = "output",
        ["input_layernorm"] = "attn_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["mlp.gate"] = "ffn_gate_inp",
        ["mlp.router"] = "ffn_gate_inp",
        ["block_sparse_moe.gate"] = "ffn_gate_inp",
        ["block_sparse_moe.router.layer"] = "ffn_gate_inp",
        ["shared_mlp.output_linear"] = "ffn_down_shexp",
        ["mlp.shared_expert.gate_proj"] = "ffn_gate_shexp",
        ["mlp.shared_expert.up_proj"] = "ffn_up_shexp",
        ["mlp.shared_expert.down_proj"] = "ffn_down_shexp",
        ["mlp.shared_expert_gate"] = "ffn_gate_inp_shexp",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.gate_up_proj"] = "ffn_up",
        ["post_self_attn_layernorm"] = "post_attention_norm",
        ["post_mlp_layernorm"] = "post_ffw_norm",
        ["mlp.down_proj"] = "ffn_down",
        ["model.final_layernorm"] = "output_norm",
        ["self_attn.dense"] = "attn_output",
        ["mlp.c_fc"] = "ffn_up",
        ["mlp.c_proj"] = "ffn_down",
        ["mlp.fc1"] = "ffn_up",
        ["mlp.fc2"] = "ffn_down",
        ["attention_layernorm"] = "attn_norm",
        ["feedforward_layernorm"] = "ffn_norm",
        ["self_attn.query_layernorm"] = "attn_q_norm",
        ["self_attn.key_layernorm"] = "attn_k_norm",
    };

    private static readonly Dictionary<string, string> GemmaNames = new()
    {
        ["post_attention_layernorm"] = "post_attention_norm",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
    };

    internal static readonly IReadOnlyList<string> Interleaved = ["llama", "granite", "granitemoe", "minicpm", "mistral3", "smollm3"];

    internal static readonly IReadOnlyDictionary<string, string> ExpertNames = new Dictionary<string, string>
    {
        ["gate_proj"] = "ffn_gate_exps",
        ["up_proj"] = "ffn_up_exps",
        ["down_proj"] = "ffn_down_exps",
        ["w1"] = "ffn_gate_exps",
        ["w3"] = "ffn_up_exps",
        ["w2"] = "ffn_down_exps",
    };

    /// <summary>Keys that some configs have, and what files call them.</summary>
    private static readonly (string Key, string Name)[] Optional =
    [
        ("attn_logit_softcapping", "attn_logit_softcapping"), ("final_logit_softcapping", "final_logit_softcapping"), ("attention.sliding_window", "sliding_window"),
        ("rope.freq_base_swa", "rope_local_base_freq"), ("attention.scale", "attention_multiplier"), ("embedding_scale", "embedding_multiplier"),
        ("residual_scale", "residual_multiplier"), ("logit_scale", "logits_scaling"), ("logit_scale", "logit_scale"), ("expert_count", "num_experts"), ("expert_count", "num_local_experts"),
        ("expert_used_count", "num_experts_per_tok"), ("expert_feed_forward_length", "moe_intermediate_size"),
        ("expert_shared_feed_forward_length", "shared_expert_intermediate_size"), ("expert_shared_feed_forward_length", "shared_intermediate_size"),
    ];

    /// <summary>The file of a tiny model, with tokens that are only counted. The model's matrices become what the file's stand for.</summary>
    public static GgufWriter Convert(TinyModel model, GgmlEncoder matrices) => Convert(model, _ => matrices);

    /// <summary>The same with matrices of several types, by the model's names for them; those of a layer's experts that a file stacks have one.</summary>
    public static GgufWriter Convert(TinyModel model, Func<string, GgmlEncoder> matricesOf)
    {
        var writer = new GgufWriter();
        PutConfig(writer, model.Config);
        writer.Put("tokenizer.ggml.model", "gpt2").Put("tokenizer.ggml.pre", "qwen2").Put("tokenizer.ggml.merges", Array.Empty<string>());
        writer.Put("tokenizer.ggml.tokens", Enumerable.Range(0, TinyModel.Vocabulary).Select(id => $"t{id}").ToArray()).Put("tokenizer.ggml.eos_token_id", 2);
        var stacks = new SortedDictionary<string, (GgmlEncoder Encoder, List<float[]> Experts)>(StringComparer.Ordinal);
        foreach (var (name, (shape, values)) in model.Tensors.ToList())
        {
            var matrices = matricesOf(name);
            if (name.EndsWith("_linear.weight", StringComparison.Ordinal))
            {
                AddGraniteMlp(writer, model, name, matrices);
                continue;
            }

            if (name.Contains(".linear_attn.", StringComparison.Ordinal))
            {
                AddRecurrent(writer, model, name, matrices);
                continue;
            }

            if (shape.Length == 3 || name.EndsWith("_bias", StringComparison.Ordinal))
            {
                AddExperts(writer, model, name, matrices);
                continue;
            }

            if (name.EndsWith(".sinks", StringComparison.Ordinal))
            {
                writer.Add($"blk.{name.Split('.')[2]}.attn_sinks.weight", GgmlEncoder.F32.Type, shape, GgmlEncoder.F32.Encode(values).Bytes);
                continue;
            }

            if (name.Contains(".act_fn.", StringComparison.Ordinal))
            {
                // A list of all layers' is metadata.
                var kind = name[(name.LastIndexOf('.') + 1)..];
                _ = !name.Contains("layers.0.", StringComparison.Ordinal) ? writer : writer.Put($"xielu.{kind}", Enumerable.Range(0, TinyModel.Layers).Select(layer => model.Tensors[$"model.layers.{layer}.mlp.act_fn.{kind}"].Values[0]).ToArray());
                continue;
            }

            if (HeadNorm().Match(name) is { Success: true } norm)
            {
                // A layer's are stacked in the order of their heads.
                var heads = model.Tensors.Keys.Count(other => other.StartsWith(name[..(name.LastIndexOf("norms.", StringComparison.Ordinal) + 6)], StringComparison.Ordinal));
                if (norm.Groups[3].Value == "0")
                {
                    var all = Enumerable.Range(0, heads).SelectMany(head => model.Tensors[name.Replace("norms.0", $"norms.{head}", StringComparison.Ordinal)].Values).ToArray();
                    writer.Add($"blk.{norm.Groups[1].Value}.attn_{norm.Groups[2].Value}_norm.weight", GgmlEncoder.F32.Type, [shape[0], heads], GgmlEncoder.F32.Encode(all).Bytes);
                }

                continue;
            }

            if (Expert().Match(name) is { Success: true } match)
            {
                var stack = $"blk.{match.Groups[1].Value}.{ExpertNames[match.Groups[4].Value]}.weight";
                stacks.TryAdd(stack, (matrices, []));
                stacks[stack].Experts.Add(values);
                model.Tensors[name] = (shape, matrices.Encode(values).Values);
                continue;
            }

            // A matrix of one row is written as a vector.
            model.Tensors[name] = (shape, Add(writer, name, shape[0] == 1 ? shape[1..] : shape, values, model.Config, matrices));
        }

        foreach (var (name, (matrices, experts)) in stacks)
        {
            var columns = name.Contains("down", StringComparison.Ordinal) ? experts[0].Length / TinyModel.Hidden : TinyModel.Hidden;
            writer.Add(name, matrices.Type, [columns, experts[0].Length / columns, experts.Count], [.. experts.SelectMany(expert => matrices.Encode(expert).Bytes)]);
        }

        return writer;
    }

    /// <summary>gpt-oss's experts, of which files hold gate and up apart and matrices output by output.</summary>
    private static void AddExperts(GgufWriter writer, TinyModel model, string name, GgmlEncoder matrices)
    {
        var (shape, values) = model.Tensors[name];
        var (isBias, isDown, layer) = (shape.Length == 2, name.Contains("down", StringComparison.Ordinal), name.Split('.')[2]);
        var (experts, inputs, outputs) = ((int)shape[0], isBias ? 1 : (int)shape[1], (int)shape[^1]);
        foreach (var (module, first, step) in isDown ? [("ffn_down_exps", 0, 1)] : ((string, int, int)[])[("ffn_gate_exps", 0, 2), ("ffn_up_exps", 1, 2)])
        {
            int[] places = [.. from expert in Enumerable.Range(0, experts)
                               from output in Enumerable.Range(0, outputs / step)
                               from input in Enumerable.Range(0, inputs)
                               select (((expert * inputs) + input) * outputs) + first + (output * step)];
            var encoder = isBias ? GgmlEncoder.F32 : matrices;
            var (bytes, stands) = encoder.Encode([.. places.Select(place => values[place])]);
            writer.Add($"blk.{layer}.{module}.{(isBias ? "bias" : "weight")}", encoder.Type, isBias ? [outputs / step, experts] : [inputs, outputs / step, experts], bytes);
            foreach (var (i, place) in places.Index())
            {
                values[place] = stands[i];
            }
        }
    }

    /// <summary>Granite's MLPs, of which files hold gate and up apart: those of experts, and what all tokens go through.</summary>
    private static void AddGraniteMlp(GgufWriter writer, TinyModel model, string name, GgmlEncoder matrices)
    {
        var (shape, values) = model.Tensors[name];
        var (experts, outputs, inputs) = (shape.Length == 3 ? (int)shape[0] : 1, (int)shape[^2], (int)shape[^1]);
        var end = shape.Length == 3 ? "_exps" : (string)model.Config["architectures"]![0]! == "GraniteMoeHybridForCausalLM" ? "" : "_shexp";
        foreach (var (module, first, count) in name.Contains("output", StringComparison.Ordinal) ? [("ffn_down", 0, outputs)] : ((string, int, int)[])[("ffn_gate", 0, outputs / 2), ("ffn_up", outputs / 2, outputs / 2)])
        {
            int[] places = [.. from expert in Enumerable.Range(0, experts) from place in Enumerable.Range(((expert * outputs) + first) * inputs, count * inputs) select place];
            var (bytes, stands) = matrices.Encode([.. places.Select(place => values[place])]);
            writer.Add($"blk.{name.Split('.')[2]}.{module}{end}.weight", matrices.Type, [inputs, count, .. experts > 1 ? [experts] : (long[])[]], bytes);
            foreach (var (i, place) in places.Index())
            {
                values[place] = stands[i];
            }
        }
    }

    /// <summary>The file of the bundled model.</summary>
    public static GgufWriter ConvertDemo(GgmlEncoder matrices) => ConvertDemo(_ => matrices);

    /// <summary>The same with matrices of several types, by the model's names for them.</summary>
    public static GgufWriter ConvertDemo(Func<string, GgmlEncoder> matricesOf)
    {
        var writer = new GgufWriter();
        var config = Json("config.json");
        PutConfig(writer, config);
        PutDemoTokenizer(writer, config);
        using var checkpoint = Checkpoint.Open(Repository.DemoModel);
        foreach (var name in checkpoint.TensorNames.Order(StringComparer.Ordinal))
        {
            checkpoint.TryGet(name, out var reader, out var entry);
            Add(writer, name, [.. entry.Shape], new StoredTensor(reader, entry).ReadSingles(0, (int)entry.Length), config, matricesOf(name));
        }

        return writer;
    }

    private static JsonObject Json(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.DemoModel, file)))!.AsObject();

    private static void PutConfig(GgufWriter writer, JsonObject config)
    {
        var family = Families[(string)config["architectures"]![0]!];
        writer.Put("general.architecture", family);
        foreach (var (key, name) in new[]
        {
            ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"), ("block_count", "num_hidden_layers"), ("feed_forward_length", "intermediate_size"),
            ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"), ("attention.key_length", "head_dim"),
            ("attention.value_length", "head_dim"), ("vocab_size", "vocab_size"),
        }.Where(entry => config[entry.Item2] is not null))
        {
            writer.Put($"{family}.{key}", (int)config[name]!);
        }

        writer.Put($"{family}.rope.dimension_count", (int)((int)config["head_dim"]! * ((double?)config["partial_rotary_factor"] ?? 1)));
        foreach (var (key, name) in Optional.Where(entry => config[entry.Name] is not null))
        {
            writer.Put($"{family}.{key}", config[name]!.AsValue().TryGetValue<int>(out var whole) ? (object)whole : Single(config[name]));
        }

        PutRecurrence(writer, family, config);
        if (config["layer_types"] is JsonArray types && types.Any(type => (string)type! == "sliding_attention"))
        {
            writer.Put($"{family}.attention.sliding_window_pattern", types.Select(type => (string)type! == "sliding_attention").ToArray());
        }

        if (config["rope_scaling"] is JsonObject scaling && (string?)scaling["type"] is not ("longrope" or "dynamic"))
        {
            writer.Put($"{family}.rope.scaling.type", (string)scaling["rope_type"]!).Put($"{family}.rope.scaling.factor", Single(scaling["factor"]));
            if (scaling["original_max_position_embeddings"] is { } original)
            {
                writer.Put($"{family}.rope.scaling.original_context_length", (int)original);
            }

            foreach (var (key, name) in new[] { ("rope.scaling.yarn_beta_fast", "beta_fast"), ("rope.scaling.yarn_beta_slow", "beta_slow"), ("rope.scaling.yarn_log_multiplier", "mscale_all_dim"), ("attention.temperature_scale", "llama_4_scaling_beta") })
            {
                if (scaling[name] is { } value && family == "mistral3")
                {
                    writer.Put($"{family}.{key}", Single(value));
                }
            }
        }

        var epsilon = config["layer_norm_eps"] ?? config["norm_epsilon"] ?? config["norm_eps"];
        writer.Put($"{family}.attention.{(epsilon is null ? "layer_norm_rms_epsilon" : "layer_norm_epsilon")}", Single(epsilon ?? config["rms_norm_eps"])).Put($"{family}.rope.freq_base", Single(config["rope_theta"]));
    }

    private static float Single(JsonNode? number) => float.Parse(number!.ToJsonString(), CultureInfo.InvariantCulture);

    private static void PutDemoTokenizer(GgufWriter writer, JsonObject config)
    {
        var (tokenizer, settings) = (Json("tokenizer.json"), Json("tokenizer_config.json"));
        var tokens = new string[(int)config["vocab_size"]!];
        foreach (var (text, id) in tokenizer["model"]!["vocab"]!.AsObject())
        {
            tokens[(int)id!] = text;
        }

        var kinds = Enumerable.Repeat(1, tokens.Length).ToArray();
        foreach (var added in tokenizer["added_tokens"]!.AsArray())
        {
            tokens[(int)added!["id"]!] = (string)added["content"]!;
            kinds[(int)added["id"]!] = 3;
        }

        writer.Put("tokenizer.ggml.model", "gpt2").Put("tokenizer.ggml.pre", "qwen2").Put("tokenizer.ggml.tokens", tokens).Put("tokenizer.ggml.token_type", kinds);
        writer.Put("tokenizer.ggml.merges", tokenizer["model"]!["merges"]!.AsArray().Select(rule => rule is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)rule!).ToArray());
        writer.Put("tokenizer.ggml.bos_token_id", (int)config["bos_token_id"]!).Put("tokenizer.ggml.eos_token_id", (int)config["eos_token_id"]!);
        writer.Put("tokenizer.ggml.add_bos_token", (bool)settings["add_bos_token"]!).Put("tokenizer.chat_template", (string)settings["chat_template"]!);
    }

    private static float[] Add(GgufWriter writer, string name, long[] shape, float[] values, JsonObject config, GgmlEncoder matrices)
    {
        var (match, family) = (Layer().Match(name), Families[(string)config["architectures"]![0]!]);
        var isGemma = family.StartsWith("gemma", StringComparison.Ordinal);
        var hasGemmaNames = (isGemma && family != "gemma") || family is "olmo2" or "exaone4";
        var own = match.Success ? match.Groups[2].Value : name[..name.LastIndexOf('.')];
        var module = hasGemmaNames && GemmaNames.TryGetValue(own, out var gemmas) ? gemmas : family is ("gpt-oss" or "seed_oss" or "qwen3next" or "qwen35" or "qwen35moe") && own == "post_attention_layernorm" ? "post_attention_norm" : Names[own];
        var file = match.Success ? $"blk.{match.Groups[1].Value}.{module}.{match.Groups[3].Value}" : $"{module}.{name[(name.LastIndexOf('.') + 1)..]}";
        var encoder = shape.Length == 1 || module.EndsWith("norm", StringComparison.Ordinal) ? GgmlEncoder.F32 : matrices;
        var (bytes, decoded) = encoder.Encode((isGemma || config["linear_num_key_heads"] is not null || (family == "nemotron" && name.EndsWith("weight", StringComparison.Ordinal))) && module.EndsWith("norm", StringComparison.Ordinal) ? [.. values.Select(value => value + 1)] : values);
        var rowBytes = bytes.Length / (int)shape[0];
        if (Interleaved.Contains(family) && (module is "attn_q" or "attn_k"))
        {
            bytes = Interleave(bytes, rowBytes, (int)config["head_dim"]!);
        }

        writer.Add(file, encoder.Type, [.. shape.Reverse()], bytes);
        return shape.Length == 1 ? values : decoded;
    }

    /// <summary>Rows i and half + i of a head side by side.</summary>
    internal static byte[] Interleave(byte[] bytes, int rowBytes, int headSize)
    {
        var rows = bytes.Chunk(rowBytes).ToArray();
        return [.. Enumerable.Range(0, rows.Length).SelectMany(row => rows[(row / headSize * headSize) + (row % 2 * headSize / 2) + (row % headSize / 2)])];
    }

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.self_attn\.(q|k)_layernorm\.norms\.([0-9]+)\.weight$")]
    private static partial Regex HeadNorm();

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.(mlp|block_sparse_moe)\.experts\.([0-9]+)\.(.+)\.weight$")]
    private static partial Regex Expert();

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.(.+)\.(weight|bias)$")]
    private static partial Regex Layer();
}
