"""Writes a Llama of a size of one's own with random weights and the bundled model's tokenizer, for comparing speeds where no real model is at hand.

    python3 loadtests/peers/random_model.py FOLDER [--hidden 2048 --intermediate 8192 --layers 16 --heads 32 --kv-heads 8 --head-size 64] [--experts 0 --choices 8 --gpt-oss --mxfp4 | --family NAME]

With --family it is one of the families of families.py, norms random too; those of experts take --experts, --choices and --intermediate likewise. With --experts alone it is a Qwen3 mixture of experts,
--intermediate the width of one and --choices how many a token goes through; with --gpt-oss besides it is a gpt-oss, and with --mxfp4 besides its experts are in MXFP4.

The defaults are Llama 3.2 1B's shape but for the vocabulary, which is the tokenizer's: 0.97 billion parameters, 1.9 GB of bf16. What it says means nothing, but it is made of
plain letters, since llama-server ends a stream with an error where bytes are no text: all other tokens' rows of the embedding, which is the output's too, are zero.
"""
import argparse
import json
import math
import os
import shutil
import struct

import families

TOKENIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "config", "models", "demo", "model")
ONE = b"\x80\x3f"  # 1 in bf16
FAR = b"\xc8\xc1"  # -25 in bf16
NORM = b"\x3f"  # upper byte of bf16 from 0.5 to 2
SCALE = 120  # 2^-7 in E8M0: experts in MXFP4 are of magnitudes up to 6 times that
SIGNS = bytes(0x3C | (byte & 1) << 7 for byte in range(256))  # upper bytes of bf16: exponents of 2^-7 and 2^-6, either sign


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    for name, value in (("hidden", 2048), ("intermediate", 8192), ("layers", 16), ("heads", 32), ("kv-heads", 8), ("head-size", 64), ("experts", 0), ("choices", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--gpt-oss", action="store_true")
    parser.add_argument("--mxfp4", action="store_true")
    parser.add_argument("--family", choices=sorted(families.CONFIGS))
    return parser.parse_args()


def random_matrix(rows, columns):
    """Random bf16 of magnitudes from 2^-7 to 2^-5."""
    values = bytearray(2 * rows * columns)
    values[0::2], values[1::2] = os.urandom(rows * columns), os.urandom(rows * columns).translate(SIGNS)
    return bytes(values)


def shapes(args, vocabulary):
    """Names and shapes of the tensors in the order of the file."""
    hidden, query, kv = args.hidden, args.heads * args.head_size, args.kv_heads * args.head_size
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    if args.gpt_oss:
        yield "lm_head.weight", (vocabulary, hidden)
    yield "model.norm.weight", (hidden,)
    for layer in range(args.layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (query, hidden)
        yield prefix + "self_attn.k_proj.weight", (kv, hidden)
        yield prefix + "self_attn.v_proj.weight", (kv, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, query)
        if args.gpt_oss:
            yield from of_gpt_oss(args, prefix)
            continue
        if args.experts:
            yield prefix + "self_attn.q_norm.weight", (args.head_size,)
            yield prefix + "self_attn.k_norm.weight", (args.head_size,)
            yield prefix + "mlp.gate.weight", (args.experts, hidden)
        for mlp in [f"mlp.experts.{expert}." for expert in range(args.experts)] or ["mlp."]:
            yield prefix + mlp + "gate_proj.weight", (args.intermediate, hidden)
            yield prefix + mlp + "up_proj.weight", (args.intermediate, hidden)
            yield prefix + mlp + "down_proj.weight", (hidden, args.intermediate)


def of_gpt_oss(args, prefix):
    """What a layer of gpt-oss has beside norms and projections."""
    for projection, width in (("q", args.heads * args.head_size), ("k", args.kv_heads * args.head_size), ("v", args.kv_heads * args.head_size), ("o", args.hidden)):
        yield prefix + f"self_attn.{projection}_proj.bias", (width,)
    yield prefix + "self_attn.sinks", (args.heads,)
    yield prefix + "mlp.router.weight", (args.experts, args.hidden)
    yield prefix + "mlp.router.bias", (args.experts,)
    for name, inputs, outputs in (("gate_up_proj", args.hidden, 2 * args.intermediate), ("down_proj", args.intermediate, args.hidden)):
        name = prefix + "mlp.experts." + name
        yield name + "_bias", (args.experts, outputs)
        if args.mxfp4:
            yield name + "_blocks", (args.experts, outputs, inputs // 32, 16)
            yield name + "_scales", (args.experts, outputs, inputs // 32)
        else:
            yield name, (args.experts, inputs, outputs)


def plain_tokens():
    """Ids of tokens of ASCII letters, with a blank before them or not."""
    with open(os.path.join(TOKENIZER, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    special = {token["content"] for token in tokenizer["added_tokens"]}
    return {index for text, index in tokenizer["model"]["vocab"].items() if text not in special and text.removeprefix("\u0120").isascii() and text.removeprefix("\u0120").isalpha()}


def bytes_of(name, shape, plain, family):
    if name.endswith("_blocks"):
        return os.urandom(math.prod(shape))
    if name.endswith("_scales"):
        return bytes([SCALE]) * math.prod(shape)
    if len(shape) == 1 and name.endswith("norm.weight") and not family:
        return ONE * shape[0]
    if name.endswith("norm.weight") and family or ".norms." in name:
        shape = (math.prod(shape),)
        return b"".join(bytes((lower,)) + NORM for lower in os.urandom(shape[0]))
    if name.endswith("conv1d.weight"):
        return b"".join(bytes((lower, 0x3E | sign & 0x80)) for lower, sign in zip(os.urandom(math.prod(shape)), os.urandom(math.prod(shape))))  # from an eighth to a half
    if name.endswith((".A_log", ".dt_bias")):
        return b"".join(bytes((lower, 0xBF if lower & 1 else 0x3F)) for lower in os.urandom(shape[0]))  # half to 2, either sign
    if ".act_fn." in name:
        return {"beta": b"\x00\x3f", "eps": b"\x86\xb5"}.get(name.rsplit(".", 1)[1]) or os.urandom(1) + NORM  # 0.5, -1e-6
    if name == "lm_head.bias":
        return b"".join(random_matrix(1, 1) if i in plain else FAR for i in range(shape[0]))
    values = random_matrix(math.prod(shape[:-1]), shape[-1])
    if name not in ("model.embed_tokens.weight", "lm_head.weight"):
        return values
    row = 2 * shape[1]
    return b"".join(values[i * row:(i + 1) * row] if i in plain else bytes(row) for i in range(shape[0]))


def main():
    args = arguments()
    os.makedirs(args.folder, exist_ok=True)
    with open(os.path.join(TOKENIZER, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    plain = plain_tokens()
    config |= {"hidden_size": args.hidden, "intermediate_size": args.intermediate, "num_hidden_layers": args.layers, "num_attention_heads": args.heads,
               "num_key_value_heads": args.kv_heads, "head_dim": args.head_size}
    if args.family:
        config |= families.config_of(args)
    elif args.gpt_oss:
        config |= {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "num_local_experts": args.experts, "num_experts_per_tok": args.choices, "sliding_window": 128,
                   "attention_bias": True, "tie_word_embeddings": False, "rope_scaling": {"rope_type": "default"}}
        config |= {"quantization_config": {"quant_method": "mxfp4"}} if args.mxfp4 else {}
    elif args.experts:
        config |= {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_experts": args.experts, "num_experts_per_tok": args.choices,
                   "moe_intermediate_size": args.intermediate, "norm_topk_prob": True}
    for name in os.listdir(TOKENIZER):
        if "token" in name or name == "generation_config.json":
            shutil.copy(os.path.join(TOKENIZER, name), args.folder)
    with open(os.path.join(args.folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)

    header, offset = {}, 0
    tensors = list(families.shapes(args, config) if args.family else shapes(args, config["vocab_size"]))
    for name, shape in tensors:
        byte = name.endswith(("_blocks", "_scales"))
        size = math.prod(shape) * (1 if byte else 2)
        header[name] = {"dtype": "U8" if byte else "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(os.path.join(args.folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            file.write(bytes_of(name, shape, plain, args.family))
    print(f"{args.folder}: {offset / 2e6:.0f} million parameters")


if __name__ == "__main__":
    main()
