using System.Text.Json.Nodes;
using Serving.Compute.Numerics;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>
/// The decoder of all families written down once more, plainly and in double, from their published descriptions: what a program built from
/// the same config must compute.
/// </summary>
internal sealed partial class PlainDecoder(TinyModel model)
{
    private readonly int _hidden = Int(model.Config, "hidden_size");
    private readonly int _heads = Int(model.Config, "num_attention_heads");
    private readonly int _kvHeads = Int(model.Config, "num_key_value_heads");
    private readonly int _headSize = Int(model.Config, "head_dim");
    private readonly double _epsilon = (double)new[] { "rms_norm_eps", "layer_norm_eps", "norm_epsilon", "norm_eps" }.Select(key => model.Config[key]).First(value => value is not null)!;
    private readonly bool _isCentred = model.Config["rms_norm_eps"] is null;
    private readonly bool _isNemotron = ((string)model.Config["architectures"]![0]!).StartsWith("Nemotron", StringComparison.Ordinal);
    private readonly bool _isCohere = ((string)model.Config["architectures"]![0]!).StartsWith("Cohere", StringComparison.Ordinal);
    private readonly bool _isGptOss = ((string)model.Config["architectures"]![0]!).StartsWith("GptOss", StringComparison.Ordinal);
    private readonly bool _isOlmo = ((string)model.Config["architectures"]![0]!).StartsWith("Olmo", StringComparison.Ordinal);
    private readonly bool _isExaone = ((string)model.Config["architectures"]![0]!).StartsWith("Exaone", StringComparison.Ordinal);
    private readonly bool _turnsNeighbours = ((string)model.Config["architectures"]![0]!).StartsWith("Glm", StringComparison.Ordinal)
        || ((string)model.Config["architectures"]![0]!).StartsWith("Ernie", StringComparison.Ordinal)
        || ((string)model.Config["architectures"]![0]!).StartsWith("Cohere", StringComparison.Ordinal);

    private readonly bool _gemma = ((string)model.Config["architectures"]![0]!).StartsWith("Gemma", StringComparison.Ordinal);

    private static readonly (string Up, string Down)[] Ungated = [("c_fc", "c_proj"), ("fc1", "fc2"), ("up_proj", "down_proj")];

    /// <summary>Whether norms of heads stand behind the rotation.</summary>
    public bool NormsTurned { get; init; }

    /// <summary>The longest sequence that is served, for models whose rotation depends on it.</summary>
    public int Positions { get; init; }

    private JsonArray? LongFactors => model.Config["original_max_position_embeddings"] is null ? null : (JsonArray?)model.Config["rope_scaling"]?[Positions > Int(model.Config, "original_max_position_embeddings") ? "long_factor" : "short_factor"];

    private JsonNode? Yarn => (string?)model.Config["rope_scaling"]?["rope_type"] == "yarn" ? model.Config["rope_scaling"] : null;

    private double Amplitude => LongFactors is null
        ? Yarn is { } yarn ? (0.1 * Math.Log((double)yarn["factor"]!)) + 1 : 1
        : Math.Sqrt(1 + (Math.Log((double)Int(model.Config, "max_position_embeddings") / Int(model.Config, "original_max_position_embeddings")) / Math.Log(Int(model.Config, "original_max_position_embeddings"))));

    /// <summary>Logits after the last of some tokens.</summary>
    public double[] Logits(params int[] tokens)
    {
        var factor = _gemma ? Math.Sqrt(_hidden) : Factor("embedding_multiplier");
        var added = Factor("residual_multiplier");
        var states = tokens.Select(token => Row("model.embed_tokens.weight", token).Select(value => value * factor).ToArray()).ToArray();
        for (var layer = 0; layer < Int(model.Config, "num_hidden_layers"); layer++)
        {
            var name = $"model.layers.{layer}";
            var normed = states.Select(state => NormIfAny(state, $"{name}.input_layernorm.weight")).ToArray();
            var attended = Remembers(name) ? Remember(name, normed) : Attend(name + ".self_attn", normed, layer).Select(x => Linear(name + (model.Tensors.ContainsKey(name + ".self_attn.dense.weight") ? ".self_attn.dense" : ".self_attn.o_proj"), x)).ToArray();
            if (BehindMlp(name) is { } behindMlp)
            {
                var isGlm = behindMlp.EndsWith("post_mlp_layernorm.weight", StringComparison.Ordinal);
                var (behind, before) = isGlm ? ("post_self_attn_layernorm", "post_attention_layernorm") : ("post_attention_layernorm", "pre_feedforward_layernorm");
                states = [.. states.Select((state, i) => Add(state, Norm(attended[i], $"{name}.{behind}.weight")))];
                var given = states.Select(state => Mlp(name + ".mlp", NormIfAny(state, $"{name}.{before}.weight"))).ToArray();
                states = [.. states.Select((state, i) => Add(state, Norm(given[i], behindMlp)))];
                continue;
            }

            if (!model.Tensors.ContainsKey($"{name}.post_attention_layernorm.weight"))
            {
                states = [.. states.Select((state, i) => Add(Add(state, attended[i]), Mlp(name + ".mlp", normed[i])))];
                continue;
            }

            states = [.. states.Select((state, i) => Add(state, Times(attended[i], added)))];
            states = [.. states.Select(state => Add(state, Times(Mlp(name + ".mlp", Norm(state, $"{name}.post_attention_layernorm.weight")), added)))];
        }

        var tied = (bool)model.Config["tie_word_embeddings"]!;
        var logits = Linear(tied ? "model.embed_tokens" : "lm_head", Norm(states[^1], model.Tensors.ContainsKey("model.norm.weight") ? "model.norm.weight" : "model.final_layernorm.weight"));
        return [.. logits.Select(logit => Bounded(logit * Factor("logit_scale") / Factor("logits_scaling"), "final_logit_softcapping"))];
    }

    /// <summary>The norm behind a layer's MLP, of families that have it.</summary>
    private string? BehindMlp(string layer) =>
        new[] { $"{layer}.post_feedforward_layernorm.weight", $"{layer}.post_mlp_layernorm.weight" }.FirstOrDefault(model.Tensors.ContainsKey);

    /// <summary>cap · tanh(x ÷ cap), where the config has such a cap.</summary>
    private double Bounded(double x, string key) => model.Config[key] is { } cap ? (double)cap * Math.Tanh(x / (double)cap) : x;

    /// <summary>Of Gemma's and gpt-oss's layers the first and every second after it slide; of others those behind the first ones, where the config has a window.</summary>
    private bool Slides(int layer) => model.Config["layer_types"] is JsonArray types ? (string)types[layer]! == "sliding_attention" : _gemma || _isGptOss || (_isCohere && model.Config["sliding_window"] is not null) ? layer % 2 == 0 : model.Config["sliding_window"] is not null && layer >= ((int?)model.Config["max_window_layers"] ?? 0);

    private double Factor(string key) => (double?)model.Config[key] ?? 1;

    private static double[] Times(double[] x, double factor) => [.. x.Select(value => value * factor)];

    private static int Int(JsonObject config, string name) => (int)config[name]!;

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private double[] Mlp(string name, double[] x)
    {
        var mixture = name[..^"mlp".Length] + "block_sparse_moe";
        if (_isGptOss)
        {
            return Mixture(name, Linear(name + ".router", x), x);
        }

        var router = new[] { name + ".gate", mixture + ".gate", mixture + ".router.layer" }.FirstOrDefault(router => model.Tensors.ContainsKey(router + ".weight"));
        if (router is not null)
        {
            var chosen = Mixture(router == name + ".gate" ? name : mixture, Linear(router, x), x);
            return Shared(name, x) is { } shared ? Add(chosen, shared) : chosen;
        }

        if (Ungated.FirstOrDefault(names => model.Tensors.ContainsKey($"{name}.{names.Up}.weight") && !model.Tensors.ContainsKey(name + ".gate_proj.weight") && !model.Tensors.ContainsKey(name + ".gate_up_proj.weight")) is { Up: not null } ungated)
        {
            return Linear($"{name}.{ungated.Down}", [.. Linear($"{name}.{ungated.Up}", x).Select(value => model.Tensors.ContainsKey(name + ".act_fn.alpha_p") ? XIelu(name + ".act_fn.", value) : _isNemotron ? Math.Pow(Math.Max(value, 0), 2) : Gelu(value))]);
        }

        var up = Linear(name + ".up_proj", x);
        return Linear(name + ".down_proj", [.. Linear(name + ".gate_proj", x).Select((gate, i) => Activated(gate) * up[i])]);
    }

    /// <summary>What every token goes through beside its experts, where the model has that; Qwen multiplies it.</summary>
    private double[]? Shared(string name, double[] x)
    {
        if (model.Tensors.ContainsKey(name + ".shared_expert.down_proj.weight"))
        {
            var up = Linear(name + ".shared_expert.up_proj", x);
            var given = Linear(name + ".shared_expert.down_proj", [.. Linear(name + ".shared_expert.gate_proj", x).Select((gate, i) => Activated(gate) * up[i])]);
            return Times(given, 1 / (1 + Math.Exp(-Linear(name + ".shared_expert_gate", x)[0])));
        }

        var shared = name[..^"mlp".Length] + "shared_mlp";
        if (!model.Tensors.ContainsKey(shared + ".output_linear.weight"))
        {
            return null;
        }

        var both = Linear(shared + ".input_linear", x);
        var width = both.Length / 2;
        return Linear(shared + ".output_linear", [.. both[..width].Select((gate, i) => Activated(gate) * both[width + i])]);
    }

    /// <summary>The most likely experts' MLPs, each by its share of the softmax: over all experts, or over the chosen where the family or its config says so.</summary>
    private double[] Mixture(string name, double[] logits, double[] x)
    {
        var all = logits.Select(Math.Exp).ToArray();
        var chosen = Enumerable.Range(0, all.Length).OrderByDescending(expert => all[expert]).Take(Int(model.Config, "num_experts_per_tok")).ToArray();
        var total = (bool?)model.Config["norm_topk_prob"] ?? true ? chosen.Sum(expert => all[expert]) : all.Sum();
        return chosen.Select(expert => Times(Expert(name, expert, x), all[expert] / total)).Aggregate(Add);
    }

    private double[] Expert(string name, int expert, double[] x)
    {
        if (_isGptOss)
        {
            var limit = (double)model.Config["swiglu_limit"]!;
            var turns = Transposed(name + ".experts.gate_up_proj", expert, x);
            return Transposed(name + ".experts.down_proj", expert, [.. Enumerable.Range(0, turns.Length / 2).Select(i =>
            {
                var (gate, up) = (Math.Min(turns[2 * i], limit), Math.Clamp(turns[(2 * i) + 1], -limit, limit));
                return (up + 1) * gate / (1 + Math.Exp(-1.702 * gate));
            })]);
        }

        if (model.Tensors.TryGetValue(name + ".input_linear.weight", out var stacked))
        {
            var width = (int)stacked.Shape[1] / 2;
            var both = Stacked(name + ".input_linear.weight", expert, x);
            return Stacked(name + ".output_linear.weight", expert, [.. both[..width].Select((gate, i) => Activated(gate) * both[width + i])]);
        }

        var (gates, ups, downs) = name.EndsWith("mlp", StringComparison.Ordinal) ? ("gate_proj", "up_proj", "down_proj") : ("w1", "w3", "w2");
        var up = Linear($"{name}.experts.{expert}.{ups}", x);
        return Linear($"{name}.experts.{expert}.{downs}", [.. Linear($"{name}.experts.{expert}.{gates}", x).Select((gate, i) => Activated(gate) * up[i])]);
    }

    /// <summary>x · matrix + bias of one of several that lie input by input.</summary>
    private double[] Transposed(string name, int expert, double[] x)
    {
        var (shape, values) = model.Tensors[name];
        var (inputs, outputs) = ((int)shape[1], (int)shape[2]);
        return [.. Enumerable.Range(0, outputs).Select(output =>
            Enumerable.Range(0, inputs).Sum(i => x[i] * values[(((expert * inputs) + i) * outputs) + output]) + model.Tensors[name + "_bias"].Values[(expert * outputs) + output])];
    }

    private double[] Stacked(string name, int expert, double[] x)
    {
        var (shape, values) = model.Tensors[name];
        var first = expert * shape[1] * shape[2];
        return [.. Enumerable.Range(0, (int)shape[1]).Select(row => Enumerable.Range(0, x.Length).Sum(i => x[i] * values[first + (row * x.Length) + i]))];
    }

    private double Activated(double x) => _gemma ? Gelu(x) : x / (1 + Math.Exp(-x));

    private static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * Math.Pow(x, 3)))));

    private double XIelu(string name, double x)
    {
        var (beta, eps) = ((double)Number("beta"), (double)Number("eps"));
        var (above, below) = (Softplus("alpha_p"), beta + Softplus("alpha_n"));
        return (x > 0 ? above * x * x : (Math.Exp(Math.Min(x, eps)) - 1 - x) * below) + (beta * x);

        // A number of the model as transformers computes it of a checkpoint in bf16.
        double Softplus(string kind) => BFloat16Bits.Round((float)Math.Log(1 + Math.Exp(Number(kind))));

        float Number(string kind) => model.Tensors[name + kind].Values[0];
    }

    private double[][] Attend(string name, double[][] inputs, int layer)
    {
        var queries = inputs.Select((x, position) => Heads(name, "q", x, position, _heads, layer)).ToArray();
        var keys = inputs.Select((x, position) => Heads(name, "k", x, position, _kvHeads, layer)).ToArray();
        var window = Slides(layer) ? Int(model.Config, "sliding_window") : int.MaxValue;
        var scale = (double?)model.Config["attention_multiplier"] ?? (1 / Math.Sqrt(_gemma ? Int(model.Config, "query_pre_attn_scalar") : _headSize));
        var values = inputs.Select(x => Linear(name + ".v_proj", x)).ToArray();
        return Gated(name, inputs, [.. queries.Select((heads, position) => heads.SelectMany((query, head) =>
        {
            var group = head / (_heads / _kvHeads);
            var scores = Enumerable.Range(0, position + 1)
                .Select(past => position - past < window ? Math.Exp(Bounded(Dot(query, keys[past][group]) * scale, "attn_logit_softcapping")) : 0).ToArray();
            var sink = _isGptOss ? Math.Exp(model.Tensors[name + ".sinks"].Values[head]) : 0;
            return Enumerable.Range(0, _headSize).Select(i => scores.Select((score, past) => score * values[past][(group * _headSize) + i]).Sum() / (scores.Sum() + sink));
        }).ToArray())]);
    }

    /// <summary>Projects, norms each head where the model has such norms, and rotates pairs (i, i + half).</summary>
    private double[][] Heads(string name, string projection, double[] x, int position, int count, int layer)
    {
        var projected = GatesAttention && projection == "q" ? HalfOfHeads(name, x, isGate: false) : Linear($"{name}.{projection}_proj", x);
        var whole = $"{name}.{projection}_norm.weight";
        var isWhole = !_isCentred && model.Tensors.TryGetValue(whole, out var weight) && weight.Values.Length == projected.Length && count > 1;
        projected = isWhole ? Norm(projected, whole) : projected;
        return [.. Enumerable.Range(0, count).Select(head =>
        {
            var part = projected.Skip(head * _headSize).Take(_headSize).ToArray();
            var norm = $"{name}.{projection}_norm.weight";
            if (_isCentred)
            {
                var own = $"{name}.{projection}_layernorm.norms.{head}.weight";
                float[]? weights = model.Tensors.TryGetValue(norm, out var all) ? all.Values[(head * _headSize)..((head + 1) * _headSize)] : model.Tensors.TryGetValue(own, out var one) ? one.Values : null;
                return Rotate(weights is null ? part : Centred(part, weights, null), position, layer);
            }

            if (NormsTurned)
            {
                return Norm(Rotate(part, position, layer), norm);
            }

            return Rotate(model.Tensors.ContainsKey(norm) && !isWhole ? Norm(part, norm) : part, position, layer);
        })];
    }

    /// <summary>Rotates the first elements of a head, as many as partial_rotary_factor says, in pairs (i, i + half of them) or of neighbours; LongRoPE stretches each angle by its factor.</summary>
    private double[] Rotate(double[] x, int position, int layer)
    {
        if ((model.Config["no_rope_layers"] is JsonArray rotates && (int)rotates[layer]! == 0) || ((_isExaone || _isCohere) && model.Config["sliding_window"] is not null && !Slides(layer)))
        {
            return x;
        }

        var rotated = (int)(_headSize * ((double?)model.Config["partial_rotary_factor"] ?? 1));
        var half = rotated / 2;
        var local = _gemma && Slides(layer) ? model.Config["rope_local_base_freq"] : null;
        var plain = _isOlmo && Slides(layer);
        var theta = (double)(local ?? model.Config["rope_theta"])!;
        var stretch = local is null && Yarn is null && model.Config["rope_scaling"]?["factor"] is { } factor ? (double)factor : 1;
        return [.. x.Select((value, i) =>
        {
            if (i >= rotated)
            {
                return value;
            }

            if (_turnsNeighbours)
            {
                var turn = position / stretch * Math.Pow(theta, -2.0 * (i / 2) / rotated);
                return (value * Math.Cos(turn)) + (Math.Sin(turn) * (i % 2 == 0 ? -x[i + 1] : x[i - 1]));
            }

            var angle = position / stretch * Math.Pow(theta, -2.0 * (i % half) / rotated) / (LongFactors is { } factors ? (double)factors[i % half]! : 1) * (plain ? 1 : YarnFactor(i % half, theta));
            return (plain ? 1 : Amplitude) * ((value * Math.Cos(angle)) + (Math.Sin(angle) * (i < half ? -x[i + half] : x[i - half])));
        })];
    }

    /// <summary>YaRN, the ends of its ramp whole pairs unless the config says otherwise: pairs that turn more than beta_fast times over the original length are left, those that turn less than beta_slow times are divided by the factor.</summary>
    private double YarnFactor(int pair, double theta)
    {
        if (Yarn is not { } yarn)
        {
            return 1;
        }

        double PairOf(double turns) => _headSize / 2.0 * Math.Log((double)Int(yarn.AsObject(), "original_max_position_embeddings") / (turns * 2 * Math.PI)) / Math.Log(theta);
        var (low, high) = (PairOf((double)yarn["beta_fast"]!), PairOf((double)yarn["beta_slow"]!));
        (low, high) = (bool?)yarn["truncate"] ?? true ? (Math.Floor(low), Math.Ceiling(high)) : (low, high);
        (low, high) = (Math.Max(low, 0), Math.Min(high, _headSize - 1));
        var stretched = Math.Clamp((pair - low) / (high - low), 0, 1);
        return 1 - stretched + (stretched / (double)yarn["factor"]!);
    }

    private double[] NormIfAny(double[] x, string name) => model.Tensors.ContainsKey(name) ? Norm(x, name) : x;

    private double[] Norm(double[] x, string name)
    {
        if (_isCentred)
        {
            return Centred(x, model.Tensors[name].Values, model.Tensors.TryGetValue(name.Replace(".weight", ".bias", StringComparison.Ordinal), out var bias) ? bias.Values : null);
        }

        var scale = 1 / Math.Sqrt((Dot(x, x) / x.Length) + _epsilon);
        return [.. x.Select((value, i) => value * scale * (model.Tensors[name].Values[i] + (_gemma || GatesAttention ? 1 : 0)))];
    }

    /// <summary>LayerNorm; Nemotron's weights are differences from 1.</summary>
    private double[] Centred(double[] x, float[] weights, float[]? biases)
    {
        var mean = x.Average();
        var deviation = Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + _epsilon);
        return [.. x.Select((value, i) => ((value - mean) / deviation * (weights[i] + (_isNemotron ? 1 : 0))) + (biases?[i] ?? 0))];
    }

    private double[] Linear(string name, double[] x)
    {
        if (Fused(name) is var (fused, first, count))
        {
            return Linear(fused, x)[first..(first + count)];
        }

        var (shape, values) = model.Tensors[name + ".weight"];
        var bias = model.Tensors.TryGetValue(name + ".bias", out var tensor) ? tensor.Values : null;
        return [.. Enumerable.Range(0, (int)shape[0]).Select(row => Enumerable.Range(0, x.Length).Sum(i => x[i] * values[(row * x.Length) + i]) + (bias?[row] ?? 0))];
    }

    /// <summary>Which rows of which tensor a projection is, where the checkpoint keeps it beside others.</summary>
    private (string Tensor, int First, int Count)? Fused(string name)
    {
        var (layer, projection) = (name[..(name.LastIndexOf('.') + 1)], name[(name.LastIndexOf('.') + 1)..]);
        var (query, kv, width) = (_heads * _headSize, _kvHeads * _headSize, (int?)model.Config["intermediate_size"] ?? 0);
        return model.Tensors.ContainsKey(name + ".weight") ? null : projection switch
        {
            "q_proj" => (layer + "qkv_proj", 0, query),
            "k_proj" => (layer + "qkv_proj", query, kv),
            "v_proj" => (layer + "qkv_proj", query + kv, kv),
            "gate_proj" => (layer + "gate_up_proj", 0, width),
            "up_proj" => (layer + "gate_up_proj", width, width),
            _ => null,
        };
    }

    private double[] Row(string name, int row) => [.. model.Tensors[name].Values.Skip(row * _hidden).Take(_hidden).Select(value => (double)value)];

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
