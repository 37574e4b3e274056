#!/usr/bin/env python3
"""Decoding of the base model by llama.cpp's server on the same GPU, for as many streams as the benchmark's batch.

    llama_baseline.py OUT.json SERVER MODEL.gguf [--streams 32] [--prompt 256] [--tokens 128]

Starts SERVER (llama-server, built for CUDA) with MODEL, sends one request per stream at once, and writes the tokens per second that all of them got between the last
first token and the first end: while all of them decode. A server batches no requests of different adapters, so only the base model is compared.
"""
import argparse
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

START_SECONDS = 600


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out')
    parser.add_argument('server')
    parser.add_argument('model')
    parser.add_argument('--streams', type=int, default=32)
    parser.add_argument('--prompt', type=int, default=256)
    parser.add_argument('--tokens', type=int, default=128)
    options = parser.parse_args()
    port = free_port()
    url = f'http://127.0.0.1:{port}'
    context = options.streams * (options.prompt + options.tokens + 16)
    command = [options.server, '-m', options.model, '-ngl', '999', '-c', str(context), '-np', str(options.streams), '--host', '127.0.0.1', '--port', str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server, url)
        best = 0.0
        for _ in range(3):
            streams = [[] for _ in range(options.streams)]
            threads = [
                threading.Thread(target=stream, args=(url, [100 + (7 * i + k) % 1000 for k in range(options.prompt)], options.tokens, times))
                for i, times in enumerate(streams)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            best = max(best, rate_of(streams))
    finally:
        server.terminate()
        server.wait()
    with open(options.out, 'w', encoding='utf-8') as file:
        json.dump({'model': options.model.rsplit('/', 1)[-1], 'streams': options.streams, 'tokensPerSecond': best}, file, indent=2)
    print(f'{options.streams} streams {best:10.1f} tokens/s')


if __name__ == '__main__':
    main()
