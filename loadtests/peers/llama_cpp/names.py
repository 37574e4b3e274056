"""What llama.cpp calls the tensors of a Llama, and the order in which it wants the rows of queries and keys."""
import re

_OUTER = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight", "lm_head.bias": "output.bias",
          **{f"model.{norm}.{kind}": f"output_norm.{kind}" for norm in ("norm", "final_layernorm") for kind in ("weight", "bias")}}
_INNER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate": "ffn_gate_inp", "mlp.router": "ffn_gate_inp",
    "self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    "attention_layernorm": "attn_norm", "feedforward_layernorm": "ffn_norm", "self_attn.query_layernorm": "attn_q_norm", "self_attn.key_layernorm": "attn_k_norm",
}
_NORM_BEHIND_ATTENTION = {"post_attention_layernorm": "post_attention_norm"}
_NORMS_BEHIND = {**_NORM_BEHIND_ATTENTION, "post_feedforward_layernorm": "post_ffw_norm"}
_GLM_NORMS = {"post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm", "mlp.gate_up_proj": "ffn_up"}
_SHARED = {f"mlp.shared_expert.{name}_proj": f"ffn_{name}_shexp" for name in ("gate", "up", "down")} | {"mlp.shared_expert_gate": "ffn_gate_inp_shexp"}

# What llama.cpp calls the families that have no order of rows of their own, and where their names are others.
FAMILIES = {
    "Olmo2ForCausalLM": "olmo2", "Olmo3ForCausalLM": "olmo2", "OlmoeForCausalLM": "olmoe", "Qwen2MoeForCausalLM": "qwen2moe", "Glm4ForCausalLM": "glm4", "Exaone4ForCausalLM": "exaone4",
    "SeedOssForCausalLM": "seed_oss", "Ernie4_5ForCausalLM": "ernie4_5", "GemmaForCausalLM": "gemma", "Phi3ForCausalLM": "phi3", "GlmForCausalLM": "chatglm",
    "CohereForCausalLM": "command-r", "Cohere2ForCausalLM": "cohere2", "Starcoder2ForCausalLM": "starcoder2", "StableLmForCausalLM": "stablelm", "PhiForCausalLM": "phi2",
    "Qwen3NextForCausalLM": "qwen3next", "Qwen3_5ForCausalLM": "qwen35", "Qwen3_5MoeForCausalLM": "qwen35moe", "NemotronForCausalLM": "nemotron", "ApertusForCausalLM": "apertus", "HunYuanDenseV1ForCausalLM": "hunyuan-dense",
}

# Those whose rows of q and k are reordered as a Llama's.
ROTATED = {"LlamaForCausalLM": "llama", "Ministral3ForCausalLM": "mistral3", "MiniCPMForCausalLM": "minicpm", "GraniteMoeHybridForCausalLM": "granite", "GraniteMoeForCausalLM": "granitemoe"}
_OTHER = {"gpt-oss": _NORM_BEHIND_ATTENTION, "seed_oss": _NORM_BEHIND_ATTENTION, "olmo2": _NORMS_BEHIND, "exaone4": _NORMS_BEHIND, "glm4": _GLM_NORMS, "qwen2moe": _SHARED, **dict.fromkeys(("qwen35", "qwen35moe", "qwen3next"), _NORM_BEHIND_ATTENTION | _SHARED)}
_FUSED = {"self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up", "block_sparse_moe.router.layer": "ffn_gate_inp"}


def of(name, config):
    """The tensor's name in a GGUF file."""
    if name in _OUTER:
        return _OUTER[name]
    if name.endswith(".self_attn.sinks"):
        return f"blk.{name.split('.')[2]}.attn_sinks.weight"
    layer = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    inner = _INNER | _FUSED | _OTHER.get({**FAMILIES, "GptOssForCausalLM": "gpt-oss"}.get(config["architectures"][0]), {})
    return f"blk.{layer[1]}.{inner[layer[2]]}.{layer[3]}"


def of_experts(name):
    """The name of the tensor in which an expert's tensor is stacked, experts in their order."""
    layer = re.fullmatch(r"model\.layers\.(\d+)\.mlp\.experts\.\d+\.(\w+)_proj\.weight", name)
    return f"blk.{layer[1]}.ffn_{layer[2]}_exps.weight"


def of_head(name):
    """The name of the tensor in which the norms of a layer's heads are stacked in their order; none for other tensors."""
    head = re.fullmatch(r"model\.layers\.(\d+)\.self_attn\.(q|k)_layernorm\.norms\.\d+\.weight", name)
    return head and f"blk.{head[1]}.attn_{head[2]}_norm.weight"


def of_granite(name, experts):
    """Names of what a Granite's MLP becomes, and which halves of its outputs those are; none for other tensors."""
    layer = re.fullmatch(r"model\.layers\.(\d+)\.(?:shared_mlp|block_sparse_moe)\.(input|output)_linear\.weight", name)
    end = "_exps" if experts else ""
    halves = () if not layer else (("ffn_gate", 0), ("ffn_up", 1)) if layer[2] == "input" else (("ffn_down", None),)
    return [(f"blk.{layer[1]}.{module}{end}.weight", half) for module, half in halves]


def rotated_heads(name, config):
    """Heads of a tensor whose rows are reordered, or 0: those of a Llama, whose outputs are rotated."""
    if config["architectures"][0] not in ROTATED:
        return 0
    if ".q_proj" in name:
        return config["num_attention_heads"]
    return config["num_key_value_heads"] if ".k_proj" in name else 0


def interleaved(tensor, heads):
    """Hugging Face rotates element i of a head with element i + half; llama.cpp's Llama rotates neighbours, 2i with 2i + 1."""
    size = tensor.rows // heads
    return tensor.reordered([head * size + half * size // 2 + i for head in range(heads) for i in range(size // 2) for half in range(2)])
