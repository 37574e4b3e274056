using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// What llama.cpp makes of the matrices of a family's adapters (<c>convert_lora_to_gguf.py</c>): as it does of the model's own, so that which names there are, and which rows lie in
/// another order, is the family's.
/// </summary>
/// <param name="Name">What <c>general.architecture</c> calls it.</param>
/// <param name="IsInterleaved">Whether the rows of q and k lie as ggml rotates a Llama's, pairs side by side.</param>
internal sealed record GgufAdapterFamily(string Name, bool IsInterleaved)
{
    /// <summary>Families of which no GGUF files are served, or whose <c>config.json</c> has another name than that which files are read as.</summary>
    private static readonly Dictionary<string, GgufAdapterFamily> Others = new(StringComparer.Ordinal)
    {
        ["MistralForCausalLM"] = new("llama", true),
        ["InternLM3ForCausalLM"] = new("llama", true),
        ["Gemma3ForConditionalGeneration"] = new("gemma3", false),
        ["Mistral3ForConditionalGeneration"] = new("mistral3", true),
        ["Qwen3VLForConditionalGeneration"] = new("qwen3vl", false),
        ["GraniteMoeHybridForCausalLM"] = new("granite", true),
        ["Qwen3NextForCausalLM"] = new("qwen3next", false) { HasFusedRates = true },
        ["Qwen3_5ForConditionalGeneration"] = new("qwen35", false) { TilesValueHeads = true },
        ["Qwen3_5MoeForConditionalGeneration"] = new("qwen35moe", false) { TilesValueHeads = true },
        ["MiniCPMForCausalLM"] = new("minicpm", true),
        ["GraniteMoeForCausalLM"] = new("granitemoe", true),
        ["GraniteMoeSharedForCausalLM"] = new("granitemoe", true),
        ["Ernie4_5_ForCausalLM"] = new("ernie4_5", false),
        ["GlmForCausalLM"] = new("chatglm", false) { HasFusedGateUp = true },
        ["Phi3ForCausalLM"] = new("phi3", false) { HasFusedGateUp = true, HasFusedQkv = true },
    };

    /// <summary>Whether value heads of recurrent layers lie as <see cref="TiledHeads"/> says.</summary>
    public bool TilesValueHeads { get; private init; }

    /// <summary>Whether the rates of recurrent layers are one matrix.</summary>
    public bool HasFusedRates { get; private init; }

    /// <summary>Whether q, k and v are one matrix.</summary>
    public bool HasFusedQkv { get; private init; }

    /// <summary>Whether gate and up are one matrix.</summary>
    public bool HasFusedGateUp { get; private init; }

    /// <summary>The family of a model, by what <c>config.json</c> calls it.</summary>
    /// <exception cref="ArgumentException">It is none that is served.</exception>
    public static GgufAdapterFamily Of(string architecture)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        return Others.TryGetValue(architecture, out var other) ? other
            : GgufFamily.Find(architecture) is { } family ? new GgufAdapterFamily(family.Name, family.IsInterleaved) { HasFusedGateUp = family.Name == "glm4", TilesValueHeads = family.TilesValueHeads }
            : throw new ArgumentException($"{architecture} is no architecture that is served", nameof(architecture));
    }

    /// <summary>The name of the matrix that a slice's outputs are of, as <c>blk.3.attn_q.weight</c>.</summary>
    public string NameOf(LoraSlice slice) => GgufNames.Block(slice.Layer, ModuleOf(slice.Projection) + (slice.Experts > 1 ? "_exps" : ""), "weight");

    private string ModuleOf(Projection projection) => projection switch
    {
        Projection.Query or Projection.Key or Projection.Value when HasFusedQkv => "attn_qkv",
        Projection.Gate or Projection.Up when HasFusedGateUp => "ffn_up",
        Projection.MixerBeta or Projection.MixerDecay when HasFusedRates => GgufNames.FusedRates,
        Projection.Query or Projection.OutputGate => "attn_q",
        Projection.Key => "attn_k",
        Projection.Value => "attn_v",
        Projection.Output => "attn_output",
        Projection.Gate => "ffn_gate",
        Projection.Up => "ffn_up",
        Projection.Down => "ffn_down",
        Projection.Router => "ffn_gate_inp",
        Projection.SharedGate => "ffn_gate_shexp",
        Projection.SharedUp => "ffn_up_shexp",
        Projection.SharedDown => "ffn_down_shexp",
        Projection.SharedFactor => "ffn_gate_inp_shexp",
        Projection.MixerInput => "attn_qkv",
        Projection.MixerGate => "attn_gate",
        Projection.MixerBeta => "ssm_beta",
        Projection.MixerDecay => "ssm_alpha",
        Projection.MixerOutput => "ssm_out",
        _ => throw new ArgumentOutOfRangeException(nameof(projection)),
    };
}
