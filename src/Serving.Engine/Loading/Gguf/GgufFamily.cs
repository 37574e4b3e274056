using System.Text.Json.Nodes;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A family of models as GGUF files keep it.</summary>
/// <param name="Name">What <c>general.architecture</c> calls it.</param>
/// <param name="Architecture">What <c>config.json</c> calls it.</param>
internal sealed record GgufFamily(string Name, string Architecture)
{
    private const string ExpertCount = "expert_count";
    private const string SharedWidth = "expert_shared_feed_forward_length";

    // Rotation by a token's place in time, in height and in width, which are one for text.
    private const string Sections = "rope.dimension_sections";
    private const string Window = "attention.sliding_window";

    private const string LayerNormEpsilon = "layer_norm_eps";

    private static readonly (string, string) LogitScale = ("logit_scale", "logit_scale");

    private static readonly (string, string)[] Multipliers =
        [("attention.scale", "attention_multiplier"), ("embedding_scale", "embedding_multiplier"), ("residual_scale", "residual_multiplier"), ("logit_scale", "logits_scaling")];

    private static readonly (string, string)[] SharedExpertKeys =
    [
        (ExpertCount, "num_experts"), ("expert_used_count", "num_experts_per_tok"), ("expert_feed_forward_length", "moe_intermediate_size"), (SharedWidth, "shared_expert_intermediate_size"),
    ];

    private static readonly (string, string)[] RuleKeys =
    [
        ("ssm.conv_kernel", "linear_conv_kernel_dim"), ("ssm.state_size", "linear_key_head_dim"), ("ssm.group_count", "linear_num_key_heads"), ("ssm.time_step_rank", "linear_num_value_heads"),
        ("full_attention_interval", DeltaRuleConfig.Interval),
    ];

    private static readonly string[] RequiredRuleKeys = ["ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.time_step_rank"];

    private static readonly GgufFamily[] All =
    [
        new("llama", "LlamaForCausalLM") { IsInterleaved = true, HasOptionalBiases = true },
        new("llama", "MixtralForCausalLM") { IsInterleaved = true, Keys = [(ExpertCount, "num_local_experts"), ("expert_used_count", "num_experts_per_tok")] },
        new("mistral3", "Ministral3ForCausalLM") { IsInterleaved = true, HasTemperature = true },
        new("internlm2", "LlamaForCausalLM") { IsInterleaved = true, HasOptionalBiases = true },
        new("exaone", "LlamaForCausalLM"),
        new("qwen2", "Qwen2ForCausalLM"),
        new("qwen2vl", "Qwen2ForCausalLM") { IdleKeys = [Sections] },
        new("qwen3", "Qwen3ForCausalLM"),
        new("qwen3vl", "Qwen3ForCausalLM") { IdleKeys = [Sections, "n_deepstack_layers"] },
        new("qwen3moe", "Qwen3MoeForCausalLM")
        {
            Keys = [(ExpertCount, "num_experts"), ("expert_used_count", "num_experts_per_tok"), ("expert_feed_forward_length", "moe_intermediate_size")],
            Constants = new JsonObject { ["norm_topk_prob"] = true },
        },
        new("qwen2moe", "Qwen2MoeForCausalLM")
        {
            Keys = SharedExpertKeys,
        },
        new("qwen3next", "Qwen3NextForCausalLM")
        {
            Norms = GgufNames.NormBehindAttention,
            IsPartlyRotated = true,
            HasRecurrence = true,
            Keys = [.. RuleKeys, .. SharedExpertKeys],
            RequiredKeys = RequiredRuleKeys,
        },
        new("qwen35", "Qwen3_5ForCausalLM")
        {
            Norms = GgufNames.NormBehindAttention,
            IsPartlyRotated = true,
            HasRecurrence = true,
            TilesValueHeads = true,
            Keys = RuleKeys,
            RequiredKeys = RequiredRuleKeys,
            IdleKeys = [Sections],
        },
        new("qwen35moe", "Qwen3_5MoeForCausalLM")
        {
            Norms = GgufNames.NormBehindAttention,
            IsPartlyRotated = true,
            HasRecurrence = true,
            TilesValueHeads = true,
            Keys = [.. RuleKeys, .. SharedExpertKeys],
            RequiredKeys = RequiredRuleKeys,
            IdleKeys = [Sections],
        },
        new("gemma", "GemmaForCausalLM"),
        new("gemma2", "Gemma2ForCausalLM")
        {
            Norms = GgufNames.PostNorms,
            LayersOfLargest = 46,
            Keys = [("attn_logit_softcapping", "attn_logit_softcapping"), ("final_logit_softcapping", "final_logit_softcapping"), ("attention.sliding_window", "sliding_window")],
        },
        new("gemma3", "Gemma3ForCausalLM")
        {
            Norms = GgufNames.PostNorms,
            LayersOfLargest = 62,
            Keys = [("final_logit_softcapping", "final_logit_softcapping"), ("attention.sliding_window", "sliding_window"), ("rope.freq_base_swa", "rope_local_base_freq")],
            Constants = new JsonObject { ["sliding_window"] = null },
        },
        new("granite", "GraniteForCausalLM")
        {
            IsInterleaved = true,
            HasOptionalBiases = true,
            Keys = Multipliers,

            // Granite 4's dense models are converted as hybrids of which no layer is one, and say what such a layer would be.
            IdleKeys = ["expert_used_count", SharedWidth, "ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.inner_size", "ssm.time_step_rank"],
        },
        new("granitemoe", "GraniteMoeSharedForCausalLM")
        {
            IsInterleaved = true,
            TellingKey = SharedWidth,
            Experts = MixtureTensors.GraniteByExpert,
            Keys = [.. Multipliers, (ExpertCount, "num_local_experts"), ("expert_used_count", "num_experts_per_tok"), (SharedWidth, "shared_intermediate_size")],
        },
        new("granitemoe", "GraniteMoeForCausalLM")
        {
            IsInterleaved = true,
            Experts = MixtureTensors.GraniteByExpert,
            Keys = [.. Multipliers, (ExpertCount, "num_local_experts"), ("expert_used_count", "num_experts_per_tok")],
        },
        new("minicpm", "GraniteForCausalLM") { IsInterleaved = true, Keys = Multipliers, RequiredKeys = ["embedding_scale", "residual_scale", "logit_scale"], ScalesByHeadSize = true },
        new("phi3", "Phi3ForCausalLM") { IsPartlyRotated = true, Keys = [(Window, "sliding_window")] },
        new("smollm3", "SmolLM3ForCausalLM") { IsInterleaved = true },
        new("olmo2", "Olmo3ForCausalLM") { Norms = GgufNames.PostNorms, TellingKey = Window, HasWindowPattern = true, Keys = [(Window, "sliding_window")] },
        new("olmo2", "Olmo2ForCausalLM") { Norms = GgufNames.PostNorms },
        new("olmoe", "OlmoeForCausalLM") { Keys = [(ExpertCount, "num_experts"), ("expert_used_count", "num_experts_per_tok")] },
        new("chatglm", "GlmForCausalLM") { HasOptionalBiases = true, IsPartlyRotated = true },
        new("glm4", "Glm4ForCausalLM") { Norms = GgufNames.GlmNorms, HasOptionalBiases = true, IsPartlyRotated = true },
        new("exaone4", "Exaone4ForCausalLM")
        {
            Norms = GgufNames.PostNorms,
            HasWindowPattern = true,
            Keys = [(Window, "sliding_window")],
            Constants = new JsonObject { ["sliding_window"] = null },
        },
        new("seed_oss", "SeedOssForCausalLM") { HasOptionalBiases = true, Norms = GgufNames.NormBehindAttention },
        new("ernie4_5", "Ernie4_5ForCausalLM"),
        new("command-r", "CohereForCausalLM") { Epsilon = LayerNormEpsilon, TensorFlags = [("use_qk_norm", "attn_q_norm", true)], HasOptionalBiases = true, Keys = [LogitScale], RequiredKeys = ["logit_scale"] },
        new("cohere2", "Cohere2ForCausalLM") { Epsilon = LayerNormEpsilon, HasOptionalBiases = true, HasWindowPattern = true, Keys = [LogitScale, (Window, "sliding_window")], RequiredKeys = ["logit_scale", Window] },
        new("starcoder2", "Starcoder2ForCausalLM") { Epsilon = "norm_epsilon", Keys = [(Window, "sliding_window")] },
        new("stablelm", "StableLmForCausalLM")
        {
            Epsilon = LayerNormEpsilon,
            IsPartlyRotated = true,
            HasStackedNorms = true,
            TensorFlags = [("use_parallel_residual", "ffn_norm", false), ("qk_layernorm", "attn_q_norm", true), ("use_qkv_bias", "attn_q", true)],

            // Files say it of every model alike; what they are is told by their tensors.
            IdleKeys = ["use_parallel_residual"],
        },
        new("phi2", "PhiForCausalLM") { Epsilon = LayerNormEpsilon, IsPartlyRotated = true },
        new("nemotron", "NemotronForCausalLM") { Epsilon = "norm_eps", HasOptionalBiases = true, IsPartlyRotated = true, IdleKeys = ["attention.layer_norm_rms_epsilon"] },
        new("apertus", "ApertusForCausalLM") { HasOptionalBiases = true },
        new("hunyuan-dense", "HunYuanDenseV1ForCausalLM") { HasOptionalBiases = true },
        new("gpt-oss", "GptOssForCausalLM")
        {
            HasOptionalBiases = true,
            Norms = GgufNames.NormBehindAttention,
            TruncatesYarn = false,
            Experts = MixtureTensors.GptOssByExpert,
            Keys = [(ExpertCount, "num_local_experts"), ("expert_used_count", "num_experts_per_tok"), ("expert_feed_forward_length", "intermediate_size"), ("attention.sliding_window", "sliding_window")],
        },
    ];

    /// <summary>Whether the rows of q and k lie as ggml rotates a Llama's, pairs side by side.</summary>
    public bool IsInterleaved { get; private init; }

    /// <summary>A key that files of this family have and those of another of the same name have not; null where the name is one family's.</summary>
    public string? TellingKey { get; private init; }

    /// <summary>Whether some layers have a recurrent state. Such files may have layers behind the model's that guess tokens ahead.</summary>
    public bool HasRecurrence { get; private init; }

    /// <summary>Whether value heads of such layers lie as <see cref="TiledHeads"/> says.</summary>
    public bool TilesValueHeads { get; private init; }

    /// <summary>Whether files say layer by layer which have the window.</summary>
    public bool HasWindowPattern { get; private init; }

    /// <summary>Whether a part of a head is rotated.</summary>
    public bool IsPartlyRotated { get; private init; }

    /// <summary>Whether some models of the family have biases, which is told by their tensors.</summary>
    public bool HasOptionalBiases { get; private init; }

    /// <summary>Keys that the family has beside those of all, without its name, and what <c>config.json</c> calls them.</summary>
    public IReadOnlyList<(string Key, string Name)> Keys { get; private init; } = [];

    /// <summary>Keys that files of the family have and that say nothing about its models.</summary>
    public IReadOnlyList<string> IdleKeys { get; private init; } = [];

    /// <summary>What <c>config.json</c> calls the number that LayerNorms add to the variance; null of families with RMSNorms.</summary>
    public string? Epsilon { get; private init; }

    /// <summary>What <c>config.json</c> says by a flag and files by whether the first layer has a tensor: the flag, the tensor (of q, its bias), and what it says where it is there.</summary>
    public IReadOnlyList<(string Name, string Module, bool WhereThere)> TensorFlags { get; private init; } = [];

    /// <summary>Whether norms of heads are one tensor, which are one each in the family's checkpoints.</summary>
    public bool HasStackedNorms { get; private init; }

    /// <summary>Those of <see cref="Keys"/> that have to be there.</summary>
    public IReadOnlyList<string> RequiredKeys { get; private init; } = [];

    /// <summary>Whether scores are multiplied by 1 ÷ √head size where the file does not say by what, in a family whose reader takes that for 1.</summary>
    public bool ScalesByHeadSize { get; private init; }

    /// <summary>Whether files may say by how much attention's temperature grows with the position.</summary>
    public bool HasTemperature { get; private init; }

    /// <summary>What is the same in all files of the family and does not stand in them; keys that are there come before it.</summary>
    public JsonObject Constants { get; private init; } = [];

    /// <summary>Norms that have other names than in most families: of <c>config.json</c>'s side, and here.</summary>
    public IReadOnlyDictionary<string, string> Norms { get; private init; } = new Dictionary<string, string>();

    /// <summary>Whether the ends of YaRN's ramp are whole pairs. llama.cpp rounds them for every model; gpt-oss as published does not.</summary>
    public bool TruncatesYarn { get; private init; } = true;

    /// <summary>What the program's names for experts are, where they are not those of the family's checkpoints: files hold gate, up and down as a tensor each.</summary>
    public MixtureTensors? Experts { get; private init; }

    /// <summary>Layers of Gemma's largest model, which alone scales scores by hidden size ÷ heads and not by the size of a head; files do not say it. Null in other families.</summary>
    public int? LayersOfLargest { get; private init; }

    /// <summary>The family of a file.</summary>
    /// <exception cref="MalformedFileException">None is named, or one that is not served; the message lists those that are.</exception>
    public static GgufFamily Of(GgufMetadata metadata)
    {
        var name = metadata.Text("general.architecture") ?? throw GgufMetadata.Missing("general.architecture");
        var isMixture = metadata.Integer($"{name}.{ExpertCount}") is > 0;
        return Array.Find(All, family => family.Name == name && family.Keys.Any(key => key.Key == ExpertCount) == isMixture && family.IsTold(metadata)) ?? throw new MalformedFileException(
            $"architecture {MalformedFileException.Quote(name)}{(isMixture ? " with experts" : "")} is not supported in GGUF files; supported are {string.Join(", ", All.Select(family => family.Name).Distinct())}");
    }

    /// <summary>The family of an architecture, by <c>config.json</c>'s name for it; null where its GGUF files are not served.</summary>
    public static GgufFamily? Find(string architecture) => Array.Find(All, family => family.Architecture == architecture);

    private bool IsTold(GgufMetadata metadata) => TellingKey is null || metadata.Has($"{Name}.{TellingKey}");
}
