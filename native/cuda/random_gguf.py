#!/usr/bin/env python3
"""Writes a GGUF of the benchmark's shape with random bf16 weights, for llama.cpp beside it: 16 GB for the 8B shape, streamed to the disk.

    random_gguf.py OUT.gguf [--shape 8b|tiny]

One block of random numbers is written over and over, as the benchmark loads its own, since no time depends on their values. It has no vocabulary: tokens are numbers.
"""
import argparse
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'loadtests' / 'peers'))

from llama_cpp import convert, gguf, names  # noqa: E402
from peft_baseline import SHAPES  # noqa: E402

POSITIONS = 8192
BLOCK_BYTES = 8 << 20


def random_block():
    """bf16 of magnitude 2^-7 … 2^-6, either sign: the high byte is the sign and 0x3C, the low one the exponent's last bit, which is 0, and the fraction."""
    draw = random.Random(1)
    block = bytearray(draw.randbytes(BLOCK_BYTES))
    block[0::2] = block[0::2].translate(bytes(value & 0x7F for value in range(256)))
    block[1::2] = block[1::2].translate(bytes(0x3C | value & 0x80 for value in range(256)))
    return bytes(block)


class RandomTensor:
    """A matrix of bf16 out of the block."""

    element = 'BF16'

    def __init__(self, rows, columns, block):
        self.shape, self.size, self._block = [rows, columns], 2 * rows * columns, block

    def pieces(self):
        """Its bytes, piece by piece."""
        for left in range(self.size, 0, -len(self._block)):
            yield self._block[:min(left, len(self._block))]


class Ones:
    """A norm's weights, which llama.cpp wants in F32."""

    element = 'F32'

    def __init__(self, length):
        self.shape, self.size = [length], 4 * length

    def pieces(self):
        """Its bytes."""
        yield struct.pack('<f', 1.0) * self.shape[0]


def tensors(shape, block):
    """Names as Hugging Face has them, and tensors, of a Llama."""
    hidden, inner = shape['hidden'], shape['intermediate']
    queries, keys = shape['heads'] * shape['head_size'], shape['kv_heads'] * shape['head_size']
    yield 'model.embed_tokens.weight', RandomTensor(shape['vocabulary'], hidden, block)
    for layer in range(shape['layers']):
        at = f'model.layers.{layer}.'
        yield at + 'input_layernorm.weight', Ones(hidden)
        yield at + 'post_attention_layernorm.weight', Ones(hidden)
        for name, rows, columns in (
                ('self_attn.q_proj', queries, hidden), ('self_attn.k_proj', keys, hidden), ('self_attn.v_proj', keys, hidden), ('self_attn.o_proj', hidden, queries),
                ('mlp.gate_proj', inner, hidden), ('mlp.up_proj', inner, hidden), ('mlp.down_proj', hidden, inner)):
            yield f'{at}{name}.weight', RandomTensor(rows, columns, block)
    yield 'model.norm.weight', Ones(hidden)
    yield 'lm_head.weight', RandomTensor(shape['vocabulary'], hidden, block)


def write(path, shape):
    """Writes the file, under another name until it is whole."""
    out = gguf.Writer()
    config = {
        'architectures': ['LlamaForCausalLM'], 'vocab_size': shape['vocabulary'], 'max_position_embeddings': POSITIONS, 'hidden_size': shape['hidden'],
        'num_hidden_layers': shape['layers'], 'intermediate_size': shape['intermediate'], 'num_attention_heads': shape['heads'],
        'num_key_value_heads': shape['kv_heads'], 'head_dim': shape['head_size'], 'rms_norm_eps': 1e-5, 'rope_theta': 500000.0}
    convert.put_config(out, config)
    out.put('tokenizer.ggml.model', gguf.STRING, 'no_vocab')
    for name, tensor in tensors(shape, random_block()):
        out.add(names.of(name, config), tensor)
    partial = path.with_name(path.name + '.partial')
    out.write(partial)
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=pathlib.Path)
    parser.add_argument('--shape', choices=SHAPES, default='8b')
    options = parser.parse_args()
    write(options.out, SHAPES[options.shape])


if __name__ == '__main__':
    main()
