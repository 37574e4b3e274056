"""Converts a Llama in Hugging Face's format and its LoRA adapters, a Qwen3 mixture of experts, a gpt-oss or what random_model.py writes by a family's name to GGUF files for llama.cpp, without a change of weights.

    python3 -m llama_cpp.convert MODEL_FOLDER ADAPTERS_FOLDER OUTPUT_FOLDER

Writes model.gguf and NAME.gguf for each adapter. Of what Llamas can have only what the bundled model has is done, of mixtures what random_model.py writes; the rest is refused.
"""
import array
import json
import math
import os
import sys

from . import experts, gguf, names, recurrent, safetensors

ARCHITECTURES = {"Qwen3MoeForCausalLM": "qwen3moe", "GptOssForCausalLM": "gpt-oss", **names.FAMILIES, **names.ROTATED}
BIASED = ("gpt-oss", "glm4", "chatglm", "seed_oss")
_EXPERTS = {"expert_count": "num_experts", "expert_used_count": "num_experts_per_tok"}
MORE = {
    "olmo2": {"attention.sliding_window": "sliding_window"},
    "exaone4": {"attention.sliding_window": "sliding_window"},
    "cohere2": {"attention.sliding_window": "sliding_window"},
    "olmoe": _EXPERTS,
    "granitemoe": {"expert_count": "num_local_experts", "expert_used_count": "num_experts_per_tok"},
    "qwen2moe": {**_EXPERTS, "expert_feed_forward_length": "moe_intermediate_size", "expert_shared_feed_forward_length": "shared_expert_intermediate_size"},
    **dict.fromkeys(("qwen35moe", "qwen3next"), {**_EXPERTS, "expert_feed_forward_length": "moe_intermediate_size", "expert_shared_feed_forward_length": "shared_expert_intermediate_size"}),
    "qwen3moe": {"expert_count": "num_experts", "expert_used_count": "num_experts_per_tok", "expert_feed_forward_length": "moe_intermediate_size"},
    "gpt-oss": {"expert_count": "num_local_experts", "expert_used_count": "num_experts_per_tok", "expert_feed_forward_length": "intermediate_size", "attention.sliding_window": "sliding_window"},
}
_GRANITE = {"attention.scale": "attention_multiplier", "embedding_scale": "embedding_multiplier", "residual_scale": "residual_multiplier", "logit_scale": "logits_scaling"}
BF16_FILE = 32  # general.file_type: most tensors are BF16
NORMAL, CONTROL = 1, 3  # kinds of tokens

# The split of llama.cpp's qwen2 pre-tokenizer, word for word.
QWEN2_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def load(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def factors(config):
    """The factors of embeddings, scores, additions to the residual stream and logits that some families have."""
    if "logit_scale" in config:
        return {"logit_scale": config["logit_scale"]}
    if "scale_emb" in config:
        residual = config["scale_depth"] / math.sqrt(config["num_hidden_layers"])
        return {"embedding_scale": config["scale_emb"], "residual_scale": residual, "logit_scale": config["hidden_size"] / config["dim_model_base"]}
    return {key: config[name] for key, name in _GRANITE.items() if name in config}


def put_config(out, config):
    architecture = ARCHITECTURES.get(config["architectures"][0])
    scaling = {key: value for key, value in (config.get("rope_scaling") or {}).items() if value != "default"}
    theta, alpha = config["rope_theta"], scaling.get("alpha")
    if alpha:
        theta, scaling = theta * alpha ** (config["head_dim"] / (config["head_dim"] - 2)), {}
    if not architecture or (scaling and scaling["rope_type"] != "yarn") or config.get("attention_bias", False) != (architecture in BIASED) or config.get("mlp_bias"):
        raise ValueError(f"only plain models of {', '.join(ARCHITECTURES)} are converted here")
    if scaling and not scaling.get("truncate", True):
        raise ValueError("llama.cpp rounds the ends of YaRN's ramp to whole pairs, which this model does not: it would be another one there")
    out.put("general.architecture", gguf.STRING, architecture)
    out.put("general.file_type", gguf.UINT32, BF16_FILE)
    for key, value in {
        "vocab_size": config["vocab_size"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"],
        "attention.value_length": config["head_dim"],
        "rope.dimension_count": int(config["head_dim"] * config.get("partial_rotary_factor", 1)),
        **recurrent.keys_of(config),
        **{key: config[name] for key, name in MORE.get(architecture, {}).items() if config.get(name)},
    }.items():
        out.put(f"{architecture}.{key}", gguf.UINT32, value)
    for key, value in factors(config).items():
        out.put(f"{architecture}.{key}", gguf.FLOAT32, value)
    if "sliding_attention" in config.get("layer_types", ()):
        out.put_array(f"{architecture}.attention.sliding_window_pattern", gguf.BOOL, [kind == "sliding_attention" for kind in config["layer_types"]])
    if "linear_attention" in config.get("layer_types", ()) and architecture != "qwen3next":
        out.put_array(f"{architecture}.rope.dimension_sections", gguf.INT32, [11, 11, 10, 0])
    if scaling.get("mscale_all_dim"):
        out.put(f"{architecture}.rope.scaling.yarn_log_multiplier", gguf.FLOAT32, scaling["mscale_all_dim"])
        out.put(f"{architecture}.attention.temperature_scale", gguf.FLOAT32, scaling["llama_4_scaling_beta"])
    if scaling:
        out.put(f"{architecture}.rope.scaling.type", gguf.STRING, "yarn")
        out.put(f"{architecture}.rope.scaling.factor", gguf.FLOAT32, scaling["factor"])
        out.put(f"{architecture}.rope.scaling.original_context_length", gguf.UINT32, scaling["original_max_position_embeddings"])
    epsilon = next((config[key] for key in ("layer_norm_eps", "norm_epsilon", "norm_eps") if key in config), None)
    out.put(f"{architecture}.attention.layer_norm_{'rms_' if epsilon is None else ''}epsilon", gguf.FLOAT32, epsilon or config["rms_norm_eps"])
    out.put(f"{architecture}.rope.freq_base", gguf.FLOAT32, theta)


def put_tokenizer(out, folder, config):
    tokenizer, settings = load(folder, "tokenizer.json"), load(folder, "tokenizer_config.json")
    model = tokenizer["model"]
    if model["type"] != "BPE" or tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] != QWEN2_SPLIT:
        raise ValueError("only byte-level BPE with the qwen2 split is converted here")
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    tokens = {**{index: text for text, index in model["vocab"].items()}, **special}
    ids = range(config["vocab_size"])
    out.put("tokenizer.ggml.model", gguf.STRING, "gpt2")
    out.put("tokenizer.ggml.pre", gguf.STRING, "qwen2")
    out.put_array("tokenizer.ggml.tokens", gguf.STRING, [tokens[i] for i in ids])
    out.put_array("tokenizer.ggml.token_type", gguf.INT32, [CONTROL if i in special else NORMAL for i in ids])
    out.put_array("tokenizer.ggml.merges", gguf.STRING, [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]])
    out.put("tokenizer.ggml.bos_token_id", gguf.UINT32, config["bos_token_id"])
    out.put("tokenizer.ggml.eos_token_id", gguf.UINT32, config["eos_token_id"])
    out.put("tokenizer.ggml.add_bos_token", gguf.BOOL, settings["add_bos_token"])
    out.put("tokenizer.chat_template", gguf.STRING, settings["chat_template"])


def convert_model(folder, path):
    config, out = load(folder, "config.json"), gguf.Writer()
    put_config(out, config)
    put_tokenizer(out, folder, config)
    tensors, stacks = safetensors.read(os.path.join(folder, "model.safetensors")), {}
    numbers = {}
    for name, tensor in experts.converted(tensors, config["architectures"] == ["GptOssForCausalLM"]):
        out.add(name, tensor)
    for name, tensor in tensors.items():
        parts = recurrent.converted(name, tensor, config)
        for part, piece in parts:
            out.add(part, piece)
        if parts:
            continue
        if ".experts." in name and (config["architectures"] == ["GptOssForCausalLM"] or not name.endswith(".weight")):
            continue
        if ".experts." in name:
            stacks.setdefault(names.of_experts(name), []).append(tensor)
            continue
        if ".act_fn." in name:
            numbers.setdefault(name.rsplit(".", 1)[1], []).append(tensor.widened())
            continue
        if names.of_head(name):
            stacks.setdefault(names.of_head(name), []).append(tensor.widened())
            continue
        parts = names.of_granite(name, config.get("num_local_experts"))
        for part, half in parts:
            out.add(part, tensor if half is None else tensor.half(half))
        if parts:
            continue
        heads = names.rotated_heads(name, config)
        # One-dimensional tensors are norms, biases and sinks, which llama.cpp wants in F32, as it does what chooses experts.
        if tensor.rows == 1 and len(tensor.shape) == 2:
            tensor = safetensors.Tensor(tensor.element, tensor.shape[1:], tensor.data)
        wide = len(tensor.shape) == 1 or name.endswith((".mlp.gate.weight", ".mlp.router.weight", ".router.layer.weight", "_norm.weight"))
        if config["architectures"] == ["GemmaForCausalLM"] and len(tensor.shape) == 1 or config["architectures"] == ["NemotronForCausalLM"] and name.endswith("norm.weight") or "linear_num_key_heads" in config and name.endswith("norm.weight"):
            tensor = tensor.widened().raised()
        out.add(names.of(name, config), tensor.widened() if wide else names.interleaved(tensor, heads) if heads else tensor)
    for name, tensors in stacks.items():
        out.add(name, safetensors.Stack(tensors))
    for name, tensors in numbers.items():
        out.put_array(f"xielu.{name}", gguf.FLOAT32, [array.array("f", tensor.data)[0] for tensor in tensors])
    out.write(path)


def convert_adapter(folder, config, path):
    settings, out = load(folder, "adapter_config.json"), gguf.Writer()
    if settings["rank_pattern"] or settings["alpha_pattern"] or settings["use_dora"] or settings["modules_to_save"]:
        raise ValueError(f"{folder}: only LoRA of one rank is converted here")
    # llama.cpp scales by alpha / rank; rsLoRA means alpha / √rank.
    alpha = settings["lora_alpha"] * (math.sqrt(settings["r"]) if settings["use_rslora"] else 1)
    for key, text in {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora"}.items():
        out.put(key, gguf.STRING, text)
    out.put("adapter.lora.alpha", gguf.FLOAT32, alpha)
    for name, tensor in safetensors.read(os.path.join(folder, "adapter_model.safetensors")).items():
        base, half = name.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".", 1)
        heads = names.rotated_heads(base, config) if half == "lora_B" else 0
        out.add(f"{names.of(base + '.weight', config)}.{half.lower()}", names.interleaved(tensor, heads) if heads else tensor)
    out.write(path)


def convert(model, adapters, output):
    """Converts everything; returns the paths of the model and, by name, of the adapters."""
    os.makedirs(output, exist_ok=True)
    config, path = load(model, "config.json"), os.path.join(output, "model.gguf")
    convert_model(model, path)
    by_name = {name: os.path.join(output, f"{name}.gguf") for name in (sorted(os.listdir(adapters)) if adapters else [])}
    for name, adapter_path in by_name.items():
        convert_adapter(os.path.join(adapters, name), config, adapter_path)
    return path, by_name


if __name__ == "__main__":
    convert(*sys.argv[1:4])
