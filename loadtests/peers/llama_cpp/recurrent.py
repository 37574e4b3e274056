"""Layers of Qwen 3.5 and Qwen3-Next that remember, as llama.cpp has them."""
import array
import math
import re

from .safetensors import Tensor

_NAMES = {
    "in_proj_qkv.weight": "attn_qkv.weight", "in_proj_z.weight": "attn_gate.weight", "in_proj_b.weight": "ssm_beta.weight", "in_proj_a.weight": "ssm_alpha.weight", "in_proj_ba.weight": "ssm_ba.weight",
    "conv1d.weight": "ssm_conv1d.weight", "A_log": "ssm_a", "dt_bias": "ssm_dt.bias", "norm.weight": "ssm_norm.weight", "out_proj.weight": "ssm_out.weight",
}
_WIDE = ("conv1d.weight", "A_log", "dt_bias", "norm.weight")


def keys_of(config):
    """What a file says of such layers."""
    return {
        "ssm.conv_kernel": config["linear_conv_kernel_dim"], "ssm.state_size": config["linear_key_head_dim"], "ssm.group_count": config["linear_num_key_heads"],
        "ssm.time_step_rank": config["linear_num_value_heads"], "ssm.inner_size": config["linear_value_head_dim"] * config["linear_num_value_heads"], "full_attention_interval": 4,
    } if "linear_num_key_heads" in config else {}


def converted(name, tensor, config):
    """(name, tensor) of what a tensor of such a layer becomes; none for others."""
    found = re.fullmatch(r"model\.layers\.(\d+)\.linear_attn\.(.+)", name)
    if not found:
        return []
    block, own = f"blk.{found[1]}.", found[2]
    if own == "in_proj_qkvz.weight":
        return [(block + part, _rows(tensor, order)) for part, order in _cut(config)]
    if own == "A_log":
        tensor = Tensor("F32", tensor.shape, array.array("f", (-math.exp(value) for value in array.array("f", tensor.widened().data))).tobytes())
    if own == "conv1d.weight":
        tensor = Tensor(tensor.element, [tensor.shape[0], tensor.shape[2]], tensor.data)
    if config["architectures"] != ["Qwen3NextForCausalLM"]:
        tensor = _tiled(own, tensor, config)
    return [(block + _NAMES[own], tensor.widened() if own in _WIDE else tensor)]


def _rows(tensor, order):
    return Tensor(tensor.element, [len(order), *tensor.shape[1:]], tensor.reordered_rows(order))


def _cut(config):
    """Rows of q, k and v of all key heads, and of the gates, of a tensor in which key heads take turns."""
    keys, key = config["linear_num_key_heads"], config["linear_key_head_dim"]
    value = config["linear_num_value_heads"] // keys * config["linear_value_head_dim"]

    def rows(first, count):
        return [head * 2 * (key + value) + first + row for head in range(keys) for row in range(count)]

    return ("attn_qkv.weight", rows(0, key) + rows(key, key) + rows(2 * key, value)), ("attn_gate.weight", rows(2 * key + value, value))


def _tiled(own, tensor, config):
    """Value heads: those that read one key head lie behind each other in a checkpoint; in a file come the first of all key heads, then the second."""
    keys, values, size = config["linear_num_key_heads"], config["linear_num_value_heads"], config["linear_value_head_dim"]
    heads = [key * (values // keys) + of for of in range(values // keys) for key in range(keys)]
    if own == "norm.weight":
        return tensor
    if len(tensor.shape) == 1:
        flat = Tensor(tensor.element, [tensor.shape[0], 1], tensor.data)
        return Tensor(tensor.element, tensor.shape, flat.reordered_rows(heads))
    if own == "out_proj.weight":
        parts = Tensor(tensor.element, [tensor.rows * values, size], tensor.data)
        return Tensor(tensor.element, tensor.shape, parts.reordered_rows([row * values + head for row in range(tensor.rows) for head in heads]))
    size = 1 if own in ("in_proj_b.weight", "in_proj_a.weight") else size
    start = tensor.rows - values * size
    return _rows(tensor, [*range(start), *(start + head * size + row for head in heads for row in range(size))])
