using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>What GGUF files call the tensors of a program.</summary>
internal static partial class GgufNames
{
    /// <summary>The embedding table.</summary>
    public const string Embedding = "token_embd.weight";

    /// <summary>The output projection; a tied model has none.</summary>
    public const string Head = "output.weight";

    /// <summary>What frequencies are divided by, pair by pair: how a Llama 3.1 or 3.2 is stretched.</summary>
    public const string RopeFactors = "rope_freqs.weight";

    /// <summary>The same for sequences beyond the length that a model was first made for, which LongRoPE stretches.</summary>
    public const string LongFactors = "rope_factors_long.weight";

    /// <summary>The same for sequences up to it.</summary>
    public const string ShortFactors = "rope_factors_short.weight";

    /// <summary>What a recurrent layer of Qwen3-Next reads, as a checkpoint has it: in older files.</summary>
    public const string FusedInputs = "ssm_in";

    /// <summary>The rates of a recurrent layer of Qwen3-Next, likewise; in all files.</summary>
    public const string FusedRates = "ssm_ba";

    private static readonly Dictionary<string, string> Outer = new()
    {
        [TensorNames.Embedding] = Embedding,
        ["model.norm.weight"] = "output_norm.weight",
        ["model.norm.bias"] = "output_norm.bias",
        ["model.final_layernorm.weight"] = "output_norm.weight",
        ["model.final_layernorm.bias"] = "output_norm.bias",
        [TensorNames.Head] = Head,
        [TensorNames.HeadBias] = "output.bias",
    };

    private static readonly Dictionary<string, string> Inner = new()
    {
        ["input_layernorm"] = "attn_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.dense"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["self_attn.query_layernorm"] = "attn_q_norm",
        ["self_attn.key_layernorm"] = "attn_k_norm",
        ["attention_layernorm"] = "attn_norm",
        ["feedforward_layernorm"] = "ffn_norm",
        ["mlp.gate"] = "ffn_gate_inp",
        ["mlp.router"] = "ffn_gate_inp",
        ["block_sparse_moe.gate"] = "ffn_gate_inp",
        ["block_sparse_moe.router.layer"] = "ffn_gate_inp",
        ["mlp.shared_expert.gate_proj"] = "ffn_gate_shexp",
        ["mlp.shared_expert.up_proj"] = "ffn_up_shexp",
        ["mlp.shared_expert.down_proj"] = "ffn_down_shexp",
        ["mlp.shared_expert_gate"] = "ffn_gate_inp_shexp",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.gate_up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
        ["mlp.c_fc"] = "ffn_up",
        ["mlp.c_proj"] = "ffn_down",
        ["mlp.fc1"] = "ffn_up",
        ["mlp.fc2"] = "ffn_down",
        ["linear_attn.in_proj_qkv"] = "attn_qkv",
        ["linear_attn.in_proj_z"] = "attn_gate",
        ["linear_attn.in_proj_qkvz"] = FusedInputs,
        ["linear_attn.in_proj_b"] = "ssm_beta",
        ["linear_attn.in_proj_a"] = "ssm_alpha",
        ["linear_attn.in_proj_ba"] = FusedRates,
        ["linear_attn.conv1d"] = "ssm_conv1d",
        ["linear_attn.norm"] = "ssm_norm",
        ["linear_attn.out_proj"] = "ssm_out",
    };

    /// <summary>Parameters of a layer without a module of their own.</summary>
    private static readonly Dictionary<string, string> Parameters = new()
    {
        ["self_attn.sinks"] = "attn_sinks.weight",
        ["linear_attn.A_log"] = "ssm_a",
        ["linear_attn.dt_bias"] = "ssm_dt.bias",
    };

    /// <summary>Norms of families that have them before and behind attention and MLP (Gemma).</summary>
    public static readonly IReadOnlyDictionary<string, string> PostNorms = new Dictionary<string, string>
    {
        ["post_attention_layernorm"] = "post_attention_norm",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
    };

    /// <summary>The same of GLM, whose checkpoints call them otherwise.</summary>
    public static readonly IReadOnlyDictionary<string, string> GlmNorms = new Dictionary<string, string>
    {
        ["post_self_attn_layernorm"] = "post_attention_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["post_mlp_layernorm"] = "post_ffw_norm",
    };

    /// <summary>The norm before the MLP by the name that it has in files of gpt-oss and Seed-OSS.</summary>
    public static readonly IReadOnlyDictionary<string, string> NormBehindAttention = new Dictionary<string, string> { ["post_attention_layernorm"] = "post_attention_norm" };

    private static readonly Dictionary<string, string> Experts = new()
    {
        ["gate_proj"] = "ffn_gate_exps",
        ["up_proj"] = "ffn_up_exps",
        ["down_proj"] = "ffn_down_exps",
        ["w1"] = "ffn_gate_exps",
        ["w3"] = "ffn_up_exps",
        ["w2"] = "ffn_down_exps",
    };

    /// <summary>The file's name for a name of the program, and which expert's rows in that tensor it is; null where it is all of it.</summary>
    public static (string Name, int? Expert) Of(string name, GgufFamily family)
    {
        if (Outer.TryGetValue(name, out var outer))
        {
            return (outer, null);
        }

        if (Layer().Match(name) is { Success: true } match)
        {
            var (layer, kind) = (Number(match.Groups["layer"]), match.Groups["kind"].Value);
            if (Expert().Match(match.Groups["module"].Value) is { Success: true } expert)
            {
                return (Block(layer, Experts[expert.Groups["matrix"].Value], kind), Number(expert.Groups["number"]));
            }

            if (family.Norms.TryGetValue(match.Groups["module"].Value, out var inner) || Inner.TryGetValue(match.Groups["module"].Value, out inner))
            {
                return (Block(layer, inner, kind), null);
            }
        }

        if (Parameter().Match(name) is { Success: true } parameter)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"blk.{Number(parameter.Groups["layer"])}.{Parameters[parameter.Groups["name"].Value]}"), null);
        }

        throw new MalformedFileException($"GGUF files have no tensor {MalformedFileException.Quote(name)}");
    }

    /// <summary>The name of a layer's tensor.</summary>
    public static string Block(int layer, string module, string kind) => string.Create(CultureInfo.InvariantCulture, $"blk.{layer}.{module}.{kind}");

    /// <summary>Whether a tensor is no part of the program, but of its rotary embedding.</summary>
    public static bool IsRope(string name) => name is RopeFactors or LongFactors or ShortFactors;

    /// <summary>Whether a tensor is of a layer behind so many: those that guess tokens ahead.</summary>
    public static bool IsBehind(string name, int layers) => AnyLayer().Match(name) is { Success: true } match && Number(match.Groups["layer"]) >= layers;

    /// <summary>Whether the outputs of a tensor are rotated: of q or k.</summary>
    public static bool IsRotated(string name) => name.Contains(".self_attn.q_proj.", StringComparison.Ordinal) || name.Contains(".self_attn.k_proj.", StringComparison.Ordinal);

    private static int Number(Group digits) => int.Parse(digits.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^blk\.(?<layer>[0-9]{1,4})\.", RegexOptions.CultureInvariant)]
    private static partial Regex AnyLayer();

    [GeneratedRegex(@"^(mlp|block_sparse_moe)\.experts\.(?<number>[0-9]{1,4})\.(?<matrix>gate_proj|up_proj|down_proj|w[123])$", RegexOptions.CultureInvariant)]
    private static partial Regex Expert();

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,4})\.(?<name>self_attn\.sinks|linear_attn\.(A_log|dt_bias))$", RegexOptions.CultureInvariant)]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,4})\.(?<module>.+)\.(?<kind>weight|bias)$", RegexOptions.CultureInvariant)]
    private static partial Regex Layer();
}
