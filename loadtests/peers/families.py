"""Configurations and tensors of the families that random_model.py writes by name, as their checkpoints have them."""

_YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0}
_MINISTRAL = {**_YARN, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 256}
_GRANITE = {"embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.125, "logits_scaling": 10.0}
# Layers that remember: two value heads to a key head, whose sizes follow the model's.
_RULE = {"partial_rotary_factor": 0.25, "linear_num_key_heads": 4, "linear_num_value_heads": 8, "linear_key_head_dim": 64, "linear_value_head_dim": 64, "linear_conv_kernel_dim": 4, "sliding_window": None}
_BEHIND = ("post_attention_layernorm", "post_feedforward_layernorm")
_BEFORE = ("input_layernorm", "post_attention_layernorm")
_ONE = ("input_layernorm",)

# Class, norms of a layer, norms of q and k ("heads": of each; "all": of all together; "rows", "tensors": of each by a weight of its own, in one tensor or in one each), and what else the configuration says. Windows are so short that a few hundred tokens pass them.
CONFIGS = {
    "olmo2": ("Olmo2ForCausalLM", _BEHIND, "all", {}),
    "olmo3": ("Olmo3ForCausalLM", _BEHIND, "all", {"sliding_window": 32, "rope_scaling": _YARN}),
    "olmoe": ("OlmoeForCausalLM", _BEFORE, "all", {"norm_topk_prob": False}),
    "qwen2moe": ("Qwen2MoeForCausalLM", _BEFORE, None, {"norm_topk_prob": False}),
    "glm4": ("Glm4ForCausalLM", ("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm"), None,
             {"partial_rotary_factor": 0.5, "attention_bias": True}),
    "exaone4": ("Exaone4ForCausalLM", _BEHIND, "heads", {"sliding_window": None}),
    "exaone4-windows": ("Exaone4ForCausalLM", _BEHIND, "heads", {"sliding_window": 32}),
    "seed-oss": ("SeedOssForCausalLM", _BEFORE, None, {"attention_bias": True}),
    "ernie4_5": ("Ernie4_5ForCausalLM", _BEFORE, None, {}),
    "gemma": ("GemmaForCausalLM", _BEFORE, None, {"hidden_act": "gelu_pytorch_tanh"}),
    "ministral3": ("Ministral3ForCausalLM", _BEFORE, None, {"rope_scaling": _MINISTRAL, "sliding_window": None}),
    "minicpm": ("MiniCPMForCausalLM", _BEFORE, None, {"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 28}),
    "granite4": ("GraniteMoeHybridForCausalLM", _BEFORE, None, {**_GRANITE, "position_embedding_type": "rope", "num_local_experts": 0}),
    "granitemoe": ("GraniteMoeForCausalLM", _BEFORE, None, _GRANITE),
    "phi3": ("Phi3ForCausalLM", _BEFORE, None, {"partial_rotary_factor": 0.75, "sliding_window": None}),
    "chatglm": ("GlmForCausalLM", _BEFORE, None, {"partial_rotary_factor": 0.5, "attention_bias": True}),
    "command-r": ("CohereForCausalLM", _ONE, None, {"logit_scale": 0.0625, "layer_norm_eps": 1e-5}),
    "command-r-plus": ("CohereForCausalLM", _ONE, "rows", {"logit_scale": 0.3, "layer_norm_eps": 1e-5, "use_qk_norm": True}),
    "cohere2": ("Cohere2ForCausalLM", _ONE, None, {"logit_scale": 0.25, "layer_norm_eps": 1e-5, "sliding_window": 32}),
    "starcoder2": ("Starcoder2ForCausalLM", _BEFORE, None, {"norm_epsilon": 1e-5, "hidden_act": "gelu_pytorch_tanh", "use_bias": True, "sliding_window": None}),
    "stablelm": ("StableLmForCausalLM", _BEFORE, None, {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.25, "use_qkv_bias": True}),
    "stablelm-12b": ("StableLmForCausalLM", _ONE, "tensors", {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.25, "use_parallel_residual": True, "qk_layernorm": True}),
    "phi2": ("PhiForCausalLM", _ONE, None, {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5, "hidden_act": "gelu_new"}),
    "apertus": ("ApertusForCausalLM", ("attention_layernorm", "feedforward_layernorm"), "heads", {"hidden_act": "xielu"}),
    "hunyuan-dense": ("HunYuanDenseV1ForCausalLM", _BEFORE, "heads", {"rope_scaling": {"type": "dynamic", "alpha": 1000.0, "factor": 1.0}}),
    "qwen35": ("Qwen3_5ForCausalLM", _BEFORE, "heads", _RULE),
    "qwen35moe": ("Qwen3_5MoeForCausalLM", _BEFORE, "heads", _RULE),
    "qwen3next": ("Qwen3NextForCausalLM", _BEFORE, "heads", {**_RULE, "norm_topk_prob": True}),
    "nemotron": ("NemotronForCausalLM", _BEFORE, None, {"norm_eps": 1e-5, "partial_rotary_factor": 0.5, "hidden_act": "relu2"}),
}

# Of families without a gate: up and down. Of those with biases: where they have them.
_UNGATED = {"starcoder2": ("c_fc", "c_proj"), "phi2": ("fc1", "fc2"), "nemotron": ("up_proj", "down_proj"), "apertus": ("up_proj", "down_proj")}
_BIASES = {"starcoder2": ("norms", "qkv", "o", "mlp"), "phi2": ("norms", "qkv", "o", "mlp", "head"), "stablelm": ("norms", "qkv"), "stablelm-12b": ("norms",), "nemotron": ("norms",)}
_SHARED = ("qwen2moe", "qwen35moe", "qwen3next")
_TIED = ("qwen35", "ernie4_5", "exaone4", "exaone4-windows", "gemma", "granite4", "command-r", "command-r-plus", "cohere2", "starcoder2")


def config_of(args):
    """What config.json says beside the sizes."""
    architecture, _, _, more = CONFIGS[args.family]
    config = {"architectures": [architecture], "tie_word_embeddings": args.family in _TIED, "rope_scaling": None, **more}
    if config.get("sliding_window"):
        config["layer_types"] = ["full_attention" if layer % 4 == 3 else "sliding_attention" for layer in range(args.layers)]
    if args.experts:
        config |= {"num_local_experts" if args.family == "granitemoe" else "num_experts": args.experts, "num_experts_per_tok": args.choices}
    if args.family == "granite4":
        config |= {"layer_types": ["attention"] * args.layers, "shared_intermediate_size": args.intermediate}
    if "linear_num_key_heads" in config:
        config["layer_types"] = ["full_attention" if layer % 4 == 3 else "linear_attention" for layer in range(args.layers)]
    if args.family in _SHARED:
        config |= {"moe_intermediate_size": args.intermediate, "shared_expert_intermediate_size": 4 * args.intermediate}
    return config


def _mlp(prefix, hidden, width):
    yield prefix + "gate_proj.weight", (width, hidden)
    yield prefix + "up_proj.weight", (width, hidden)
    yield prefix + "down_proj.weight", (hidden, width)


def _layer(args, prefix):
    _, norms, of_heads, config = CONFIGS[args.family]
    hidden, query, kv = args.hidden, args.heads * args.head_size, args.kv_heads * args.head_size
    biases = _BIASES.get(args.family, ())
    for norm in norms:
        yield f"{prefix}{norm}.weight", (hidden,)
        if "norms" in biases:
            yield f"{prefix}{norm}.bias", (hidden,)
    if "linear_num_key_heads" in config and int(prefix.split(".")[2]) % 4 != 3:
        yield from _remembering(args, prefix + "linear_attn.")
        yield from _plain(args, prefix)
        return
    if args.family == "phi3":
        yield prefix + "self_attn.qkv_proj.weight", (query + 2 * kv, hidden)
    for name, width, heads in () if args.family == "phi3" else (("q", query, args.heads), ("k", kv, args.kv_heads), ("v", kv, 0)):
        yield f"{prefix}self_attn.{name}_proj.weight", (2 * width if name == "q" and "linear_num_key_heads" in config else width, hidden)
        if config.get("attention_bias") or args.family == "qwen2moe" or "qkv" in biases:
            yield f"{prefix}self_attn.{name}_proj.bias", (width,)
        if of_heads == "rows" and heads:
            yield f"{prefix}self_attn.{name}_norm.weight", (heads, args.head_size)
        elif of_heads == "tensors":
            yield from ((f"{prefix}self_attn.{name}_layernorm.norms.{head}.weight", (args.head_size,)) for head in range(heads))
        elif of_heads and heads:
            norm = {"q": "query_layernorm", "k": "key_layernorm"}[name] if args.family == "hunyuan-dense" else name + "_norm"
            yield f"{prefix}self_attn.{norm}.weight", (width if of_heads == "all" else args.head_size,)
    output = prefix + ("self_attn.dense" if args.family == "phi2" else "self_attn.o_proj")
    yield output + ".weight", (hidden, query)
    if "o" in biases:
        yield output + ".bias", (hidden,)
    if args.family in _UNGATED:
        for name, rows, columns in zip(_UNGATED[args.family], (args.intermediate, hidden), (hidden, args.intermediate)):
            yield f"{prefix}mlp.{name}.weight", (rows, columns)
            if "mlp" in biases:
                yield f"{prefix}mlp.{name}.bias", (rows,)
        if args.family == "apertus":
            yield from ((f"{prefix}mlp.act_fn.{number}", shape) for number, shape in (("alpha_p", (1,)), ("alpha_n", (1,)), ("beta", ()), ("eps", ())))
        return
    if args.family in ("glm4", "chatglm", "phi3"):
        yield prefix + "mlp.gate_up_proj.weight", (2 * args.intermediate, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, args.intermediate)
    elif args.family == "granite4":
        yield prefix + "shared_mlp.input_linear.weight", (2 * args.intermediate, hidden)
        yield prefix + "shared_mlp.output_linear.weight", (hidden, args.intermediate)
    elif args.family == "granitemoe":
        yield prefix + "block_sparse_moe.router.layer.weight", (args.experts, hidden)
        yield prefix + "block_sparse_moe.input_linear.weight", (args.experts, 2 * args.intermediate, hidden)
        yield prefix + "block_sparse_moe.output_linear.weight", (args.experts, hidden, args.intermediate)
    else:
        yield from _plain(args, prefix)


def _plain(args, prefix):
    """An MLP with a gate, or a mixture of them."""
    hidden = args.hidden
    if not args.experts:
        yield from _mlp(prefix + "mlp.", hidden, args.intermediate)
        return
    yield prefix + "mlp.gate.weight", (args.experts, hidden)
    if args.family == "qwen35moe":
        yield prefix + "mlp.experts.gate_up_proj", (args.experts, 2 * args.intermediate, hidden)
        yield prefix + "mlp.experts.down_proj", (args.experts, hidden, args.intermediate)
    else:
        for expert in range(args.experts):
            yield from _mlp(f"{prefix}mlp.experts.{expert}.", hidden, args.intermediate)
    if args.family in _SHARED:
        yield prefix + "mlp.shared_expert_gate.weight", (1, hidden)
        yield from _mlp(prefix + "mlp.shared_expert.", hidden, 4 * args.intermediate)


def _remembering(args, prefix):
    """What a layer has in the place of attention."""
    config = CONFIGS[args.family][3]
    keys, values = config["linear_num_key_heads"] * config["linear_key_head_dim"], config["linear_num_value_heads"] * config["linear_value_head_dim"]
    heads = config["linear_num_value_heads"]
    if args.family == "qwen3next":
        yield prefix + "in_proj_qkvz.weight", (2 * (keys + values), args.hidden)
        yield prefix + "in_proj_ba.weight", (2 * heads, args.hidden)
    else:
        for name, rows in (("qkv", 2 * keys + values), ("z", values), ("b", heads), ("a", heads)):
            yield f"{prefix}in_proj_{name}.weight", (rows, args.hidden)
    yield prefix + "conv1d.weight", (2 * keys + values, 1, config["linear_conv_kernel_dim"])
    yield prefix + "A_log", (heads,)
    yield prefix + "dt_bias", (heads,)
    yield prefix + "norm.weight", (config["linear_value_head_dim"],)
    yield prefix + "out_proj.weight", (args.hidden, values)


def shapes(args, config):
    """Names and shapes of the tensors in the order of the file."""
    yield "model.embed_tokens.weight", (config["vocab_size"], args.hidden)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], args.hidden)
    biases, norm = _BIASES.get(args.family, ()), "model.final_layernorm" if args.family == "phi2" else "model.norm"
    if "head" in biases:
        yield "lm_head.bias", (config["vocab_size"],)
    yield norm + ".weight", (args.hidden,)
    if "norms" in biases:
        yield norm + ".bias", (args.hidden,)
    for layer in range(args.layers):
        yield from _layer(args, f"model.layers.{layer}.")
