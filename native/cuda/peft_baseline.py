#!/usr/bin/env python3
"""Decoding with LoRA adapters the way PEFT does it, on the GPU of the benchmark: what `Serving.Benchmarks cuda` is to be ten times as fast as.

    peft_baseline.py OUT.json [--shape 8b|tiny] [--steps N] [--plain]
    peft_baseline.py --dry [--shape 8b|tiny]      prints what would be run; needs no PyTorch

A model of the benchmark's shape with random weights decodes one token for each of 32 sequences of 256 tokens, with rank-16 adapters on all seven projections,
for Punica's four mixes.

With transformers and peft installed (and without --plain) these are used: a mix is one batch whose rows name their adapters (adapter_names), which PEFT runs adapter by
adapter inside every Linear; the whole model's adapter is never switched. Otherwise the same computation is written out in PyTorch, a mix
as one batch per adapter, one after the other: every Linear as base(x) + scale * B(A(x)), attention by scaled_dot_product_attention over a contiguous cache. The JSON says
which of the two it was.
"""
import argparse
import json
import math
import os
import time

SHAPES = {
    '8b': dict(hidden=4096, intermediate=14336, layers=32, heads=32, kv_heads=8, head_size=128, vocabulary=128256, batch=32, context=256),
    'tiny': dict(hidden=128, intermediate=256, layers=2, heads=2, kv_heads=1, head_size=64, vocabulary=512, batch=6, context=32),
}
RANK = 16
PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']


def skewed(count):
    """Groups of floor(1.5^k) as long as they fit, then the rest; the largest first."""
    groups, left, size = [], count, 1.0
    while left > 0 and int(size) <= left:
        groups.append(int(size))
        left -= int(size)
        size *= 1.5
    return sorted(groups + ([left] if left else []), reverse=True)


def mixes(count):
    """Sequences of each adapter, by mix."""
    kinds = math.ceil(math.sqrt(count))
    slots = [i * kinds // count for i in range(count)]
    return {
        'identical': [count],
        'uniform': [slots.count(kind) for kind in range(kinds)],
        'skewed': skewed(count),
        'distinct': [1] * count,
    }


def peft_model(shape, adapters):
    """transformers' Llama of random weights with so many adapters. Returns prepare(rows) and step(state, adapters of the rows): one decoding step."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=shape['hidden'], intermediate_size=shape['intermediate'], num_hidden_layers=shape['layers'], num_attention_heads=shape['heads'],
        num_key_value_heads=shape['kv_heads'], head_dim=shape['head_size'], vocab_size=shape['vocabulary'], max_position_embeddings=8192)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device('cuda'):
        model = LlamaForCausalLM(config)
        lora = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=PROJECTIONS, init_lora_weights=False)
        model = get_peft_model(model, lora, adapter_name='0')
        for adapter in range(1, adapters):
            model.add_adapter(str(adapter), lora)
    # PEFT makes adapters' matrices fp32, for training; with them in bf16 it decodes faster, and it is to be compared at its best.
    model.to(torch.bfloat16).eval()

    def prepare(adapters):
        batch = len(adapters)
        ids = torch.randint(shape['vocabulary'], (batch, shape['context']), device='cuda')
        cache = DynamicCache()
        model(input_ids=ids, past_key_values=cache, use_cache=True, adapter_names=['0'] * batch)
        return cache, ids[:, -1:]

    def step(state, adapters):
        cache, token = state
        logits = model(input_ids=token, past_key_values=cache, use_cache=True, adapter_names=[str(adapter) for adapter in adapters]).logits[:, -1]
        cache.crop(-1)
        return logits.argmax(-1)

    return prepare, step


def plain_model(shape, adapters):
    """The same written out in PyTorch."""
    import torch
    import torch.nn.functional as functional

    hidden, heads, kv_heads, size = shape['hidden'], shape['heads'], shape['kv_heads'], shape['head_size']
    widths = {
        'q_proj': (hidden, heads * size), 'k_proj': (hidden, kv_heads * size), 'v_proj': (hidden, kv_heads * size), 'o_proj': (heads * size, hidden),
        'gate_proj': (hidden, shape['intermediate']), 'up_proj': (hidden, shape['intermediate']), 'down_proj': (shape['intermediate'], hidden),
    }

    def random(*dimensions):
        return (torch.rand(*dimensions, device='cuda', dtype=torch.bfloat16) - 0.5) * 0.02

    base = [{name: random(outputs, inputs) for name, (inputs, outputs) in widths.items()} for _ in range(shape['layers'])]
    lora = [
        [{name: (random(RANK, inputs), random(outputs, RANK)) for name, (inputs, outputs) in widths.items()} for _ in range(shape['layers'])]
        for _ in range(adapters)]
    norm = torch.ones(hidden, device='cuda', dtype=torch.bfloat16)
    embedding, head = random(shape['vocabulary'], hidden), random(shape['vocabulary'], hidden)
    frequencies = 500000.0 ** (-torch.arange(0, size, 2, device='cuda', dtype=torch.float32) / size)

    def linear(layer, adapter, name, x):
        a, b = lora[adapter][layer][name]
        return functional.linear(x, base[layer][name]) + functional.linear(functional.linear(x, a), b)

    def turn(x, position):
        angles = position * frequencies
        cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        first, second = x[..., :size // 2], x[..., size // 2:]
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)

    def prepare(batch):
        cache = [(random(batch, kv_heads, shape['context'] + 1, size), random(batch, kv_heads, shape['context'] + 1, size)) for _ in range(shape['layers'])]
        return cache, torch.randint(shape['vocabulary'], (batch,), device='cuda')

    def step(state, adapter):
        cache, token = state
        batch, position = token.shape[0], shape['context']
        x = embedding[token]
        for layer in range(shape['layers']):
            y = functional.rms_norm(x, (hidden,), norm)
            q = turn(linear(layer, adapter, 'q_proj', y).view(batch, heads, 1, size), position)
            k = turn(linear(layer, adapter, 'k_proj', y).view(batch, kv_heads, 1, size), position)
            v = linear(layer, adapter, 'v_proj', y).view(batch, kv_heads, 1, size)
            keys, values = cache[layer]
            keys[:, :, position:], values[:, :, position:] = k, v
            attended = functional.scaled_dot_product_attention(q, keys, values, enable_gqa=True)
            x = x + linear(layer, adapter, 'o_proj', attended.reshape(batch, heads * size))
            y = functional.rms_norm(x, (hidden,), norm)
            gated = functional.silu(linear(layer, adapter, 'gate_proj', y)) * linear(layer, adapter, 'up_proj', y)
            x = x + linear(layer, adapter, 'down_proj', gated)
        return functional.linear(functional.rms_norm(x, (hidden,), norm), head).argmax(-1)

    def step_all(states, adapters):
        for adapter, state in enumerate(states):
            step(state, adapter)

    def prepare_all(adapters):
        return [prepare(adapters.count(adapter)) for adapter in range(adapters[-1] + 1)]

    return prepare_all, step_all


def write(path, report):
    """Writes the file so that it is whole at any time."""
    with open(path + '.next', 'w', encoding='utf-8') as file:
        json.dump(report, file, indent=2)
    os.replace(path + '.next', path)


def measure(shape, prepare, step, steps, report, path):
    """Adds the tokens per second of each mix to the report, the fastest of some runs, and writes it: who is stopped in the fourth has three."""
    import torch

    rates = report['tokensPerSecond'] = {}
    with torch.inference_mode():
        for mix, batches in mixes(shape['batch']).items():
            adapters = [adapter for adapter, rows in enumerate(batches) for _ in range(rows)]
            state = prepare(adapters)
            best = math.inf
            for _ in range(steps + 2):
                torch.cuda.synchronize()
                start = time.perf_counter()
                step(state, adapters)
                torch.cuda.synchronize()
                best = min(best, time.perf_counter() - start)
            rates[mix] = shape['batch'] / best
            print(f'{mix:10} {len(batches):3} adapters {rates[mix]:10.1f} tokens/s', flush=True)
            write(path, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?')
    parser.add_argument('--shape', choices=SHAPES, default='8b')
    parser.add_argument('--steps', type=int, default=5)
    parser.add_argument('--plain', action='store_true')
    parser.add_argument('--dry', action='store_true')
    options = parser.parse_args()
    shape = SHAPES[options.shape]
    if options.dry:
        for mix, batches in mixes(shape['batch']).items():
            print(f'{mix:10} {len(batches):3} batches of {batches}')
        return
    if not options.out:
        parser.error('OUT.json is missing')

    import torch

    which = 'PyTorch, written out'
    model = plain_model
    if not options.plain:
        try:
            import peft
            import transformers

            which = f'peft {peft.__version__}, transformers {transformers.__version__}'
            model = peft_model
        except ImportError:
            pass
    torch.manual_seed(1)
    with torch.inference_mode():
        prepare, step = model(shape, shape['batch'])
    report = {'implementation': f'{which}, torch {torch.__version__}', 'device': torch.cuda.get_device_name(), 'shape': options.shape}
    print(report['implementation'], flush=True)
    measure(shape, prepare, step, options.steps, report, options.out)


if __name__ == '__main__':
    main()
