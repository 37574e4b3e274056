#!/usr/bin/env python3
"""Decoding of the base model by llama.cpp on the same GPU, for as many streams as the benchmark's batch.

    llama_baseline.py OUT.json PROGRAM MODEL.gguf [--shape 8b|tiny] [--cpu] [--streams 32] [--prompt 240] [--tokens 32]

MODEL is written first where it is missing, with random weights of the shape (random_gguf.py). PROGRAM is llama-batched-bench, which decodes with nothing around it, or llama-server,
built for CUDA: then one request per stream is sent at once, and what counts are the tokens between the last first token and the first end, while all of them decode; a server needs a
MODEL with a vocabulary, of that shape. The best of three runs. While they decode contexts are as long as the benchmark's on average. llama.cpp batches no
requests of different adapters, so only the base model is compared. --cpu shows without a GPU that it runs.
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import random_gguf

START_SECONDS = 600
RUNS = 3


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def wait_until_ready(server, url):
    """Returns when the server has loaded its model."""
    for _ in range(START_SECONDS):
        if server.poll() is not None:
            raise SystemExit(f'the server ended with status {server.returncode}')
        try:
            with urllib.request.urlopen(f'{url}/health', timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(1)
    raise SystemExit('the server did not become ready')


def stream(url, prompt, tokens, times):
    """Appends the time of every token of one request."""
    body = json.dumps({'prompt': prompt, 'n_predict': tokens, 'ignore_eos': True, 'temperature': 0, 'cache_prompt': False, 'stream': True}).encode()
    request = urllib.request.Request(f'{url}/completion', body, {'Content-Type': 'application/json'})
    with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
        for line in answer:
            if line.startswith(b'data:') and not json.loads(line[5:]).get('stop'):
                times.append(time.perf_counter())


def rate_of(streams):
    """Tokens per second while all streams decode."""
    first, last = max(times[0] for times in streams), min(times[-1] for times in streams)
    if last <= first:
        raise SystemExit('the streams did not decode at the same time: --tokens is too small')
    return sum(1 for times in streams for moment in times if first < moment <= last) / (last - first)


def rate_in(lines):
    """The best rate of decoding among llama-batched-bench's lines of JSON; other lines are left out."""
    rates = []
    for line in lines:
        try:
            rates.append(float(json.loads(line)['speed_tg']))
        except (ValueError, KeyError, TypeError):
            pass
    if not rates:
        raise SystemExit('llama-batched-bench printed no rate: is the GPU there, and CUDA 13 with libcudart and libcublas?')
    return max(rates)


def bench(options):
    """The rate by llama-batched-bench. A GPU that it cannot use is an error, and not a run on the processor."""
    device = ['--device', 'none'] if options.cpu else ['--device', 'CUDA0', '-ngl', '999', '-fa', 'on']
    command = [
        options.program, '-m', str(options.model), *device, '-c', str(options.streams * (options.prompt + options.tokens)), '-npl', ','.join([str(options.streams)] * RUNS),
        '-npp', str(options.prompt), '-ntg', str(options.tokens), '--output-format', 'jsonl', '-lv', '4']
    # Backends are looked for where it is started.
    finished = subprocess.run(command, cwd=os.path.dirname(os.path.abspath(options.program)), stdout=subprocess.PIPE, text=True, check=False)
    return rate_in(finished.stdout.splitlines())


def serve(options):
    """The rate by a server."""
    port = free_port()
    url = f'http://127.0.0.1:{port}'
    context = options.streams * (options.prompt + options.tokens + 16)
    layers = '0' if options.cpu else '999'
    command = [options.program, '-m', str(options.model), '-ngl', layers, '-c', str(context), '-np', str(options.streams), '--host', '127.0.0.1', '--port', str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server, url)
        best = 0.0
        for _ in range(RUNS):
            streams = [[] for _ in range(options.streams)]
            threads = [
                threading.Thread(target=stream, args=(url, [100 + (7 * i + k) % 1000 for k in range(options.prompt)], options.tokens, times))
                for i, times in enumerate(streams)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            best = max(best, rate_of(streams))
        return best
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out')
    parser.add_argument('program')
    parser.add_argument('model', type=pathlib.Path)
    parser.add_argument('--shape', choices=random_gguf.SHAPES, default='8b')
    parser.add_argument('--cpu', action='store_true')
    parser.add_argument('--streams', type=int)
    parser.add_argument('--prompt', type=int)
    parser.add_argument('--tokens', type=int)
    options = parser.parse_args()
    shape = random_gguf.SHAPES[options.shape]
    options.tokens = options.tokens or min(32, shape['context'])
    options.prompt = options.prompt or shape['context'] - options.tokens // 2
    options.streams = options.streams or shape['batch']
    options.model = options.model.resolve()
    if not options.model.exists():
        began = time.monotonic()
        random_gguf.write(options.model, shape)
        print(f'{options.model.name} written in {time.monotonic() - began:.1f} s', flush=True)
    best = (bench if os.path.basename(options.program) == 'llama-batched-bench' else serve)(options)
    with open(options.out, 'w', encoding='utf-8') as file:
        json.dump({'model': options.model.name, 'shape': options.shape, 'streams': options.streams, 'tokensPerSecond': best}, file, indent=2)
    print(f'{options.streams} streams {best:10.1f} tokens/s')


if __name__ == '__main__':
    main()
