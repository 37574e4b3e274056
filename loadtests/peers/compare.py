"""The daemon beside llama.cpp's server on this machine's CPU: the same weights, prompts, threads and sampling, in turns, over HTTP with streaming.

    dotnet publish -c Release src/Serving.Server -o DAEMON
    python3 loadtests/peers/compare.py --daemon DAEMON/Serving.Server --llama-server PATH/llama-server

The bundled model goes to llama.cpp as it is (bf16), with its usual cache of keys and values (f16) and with one in bf16, as ours is, which is faster in one thing and slower in another;
where llama-quantize lies beside llama-server also as Q8_0, which is smaller and less exact.

    python3 loadtests/peers/compare.py … --model FOLDER --formats bf16,int8,int4 --slots 8

takes another Llama (random_model.py writes one of any size) without adapters, and pairs of formats: bf16 beside bf16, --quantization int8 beside Q8_0, int4 beside Q4_0.

    python3 loadtests/peers/compare.py … --model FILE.gguf --slots 8

gives both the same file, each with its own defaults.
"""
import argparse
import os
import signal
import subprocess
import sys
import tempfile

import agreement
import load
import report
import scenarios
import servers
from llama_cpp import convert

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUNDLED = os.path.join(ROOT, "config", "models", "demo")
CONTEXT = 2048
QUANTIZED = {"int8": "Q8_0", "int4": "Q4_0"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", required=True, help="published Serving.Server")
    parser.add_argument("--llama-server", required=True, help="llama-server, built for this machine")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads that compute, on both sides (default: all processors)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each scenario on each side; ratios are medians over them")
    parser.add_argument("--scenario", default="", help="only scenarios whose name contains this")
    parser.add_argument("--references", default=None, help="folder of recorded greedy answers (NAME.jsonl), compared first")
    parser.add_argument("--prompts", type=int, default=20, help="recorded prompts of each file")
    parser.add_argument("--llama-option", action="append", default=[], help="one more argument for llama-server; may be given again")
    parser.add_argument("--model", default=None, help="a Llama's folder, or a GGUF file, in the place of the bundled model")
    parser.add_argument("--formats", default=None, help="pairs of formats to compare, of bf16, int8 and int4")
    parser.add_argument("--slots", type=int, default=32, help="streams that llama-server has room for; scenarios of more are left out")
    return parser.parse_args()


def start_pairs(args, folder):
    """A daemon and a llama-server for each format; returns them with the pairs to compare."""
    source = args.model or os.path.join(BUNDLED, "model")
    model, _ = convert.convert(source, None, folder)
    started, pairs = [], []
    try:
        for name in args.formats.split(","):
            path = model
            if name in QUANTIZED:
                path = os.path.join(folder, f"model-{name}.gguf")
                quantize(args, model, path, QUANTIZED[name])
            ours = servers.start_daemon(args.daemon, args.threads, os.path.join(folder, f"serving-{name}.log"), f"serving {name}",
                                        ["--model", source, "--served-model-name", "tiny-chat-5m", "--quantization", name if name in QUANTIZED else "none"])
            started.append(ours)
            theirs = f"llama.cpp {QUANTIZED.get(name, name)}"
            started.append(servers.start_llama(args.llama_server, theirs, path, {}, args.threads, args.slots, CONTEXT, os.path.join(folder, f"{theirs}.log"), args.llama_option))
            pairs.append((ours.name, theirs))
    except BaseException:
        stop_all(started)
        raise
    return started, pairs


def start_file(args, folder):
    """A daemon and a llama-server, both with the same GGUF file."""
    ours = servers.start_daemon(args.daemon, args.threads, os.path.join(folder, "serving.log"), "serving", ["--model", args.model, "--served-model-name", "tiny-chat-5m"])
    try:
        theirs = servers.start_llama(args.llama_server, "llama.cpp", args.model, {}, args.threads, args.slots, CONTEXT, os.path.join(folder, "llama.log"), args.llama_option)
    except BaseException:
        ours.stop()
        raise
    return [ours, theirs], [(ours.name, theirs.name)]


def quantize(args, model, path, name):
    tool = os.path.join(os.path.dirname(args.llama_server), "llama-quantize")
    subprocess.run([tool, model, path, name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_all(args, folder):
    """Ours and the peers, all running; whoever does not compute at the moment waits for a request. Returns them with the pairs to compare."""
    if args.model and args.model.endswith(".gguf"):
        return start_file(args, folder)
    if args.formats:
        return start_pairs(args, folder)
    model, adapters = convert.convert(os.path.join(BUNDLED, "model"), os.path.join(BUNDLED, "adapters"), folder)
    started = [servers.start_daemon(args.daemon, args.threads, os.path.join(folder, "serving.log"))]
    peers = {"llama.cpp bf16": (model, []), "llama.cpp bf16, bf16 cache": (model, ["-ctk", "bf16", "-ctv", "bf16"])}
    if os.path.exists(os.path.join(os.path.dirname(args.llama_server), "llama-quantize")):
        quantized = os.path.join(folder, "model-q8_0.gguf")
        quantize(args, model, quantized, "Q8_0")
        peers["llama.cpp Q8_0"] = (quantized, [])
    try:
        for name, (path, options) in peers.items():
            log = os.path.join(folder, f"{name}.log")
            started.append(servers.start_llama(args.llama_server, name, path, adapters, args.threads, args.slots, CONTEXT, log, options + args.llama_option))
    except BaseException:
        stop_all(started)
        raise
    return started, [(started[0].name, peer.name) for peer in started[1:]]


def stop_all(started):
    for server in started:
        server.stop()


def measure_round(started, number, args):
    """Every scenario on every server, the order turned round from one round to the next. Prompts are new in each round."""
    measured = {}
    for scenario in scenarios.all_scenarios(number):
        takes_adapters = any(request.adapter for stream in scenario.streams for request in stream)
        if args.scenario not in scenario.name or len(scenario.streams) > args.slots or (takes_adapters and args.model):
            continue
        for server in started if number % 2 == 0 else started[::-1]:
            measured[scenario.name, server.name] = result = load.measure(server, scenario)
            print(report.line(scenario, server, result), flush=True)
    return measured


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    with tempfile.TemporaryDirectory() as folder:
        started, pairs = start_all(args, folder)
        try:
            if args.references:
                agreement.check(started, args.references, args.prompts)
            for server in started:
                load.measure(server, scenarios.warm_up(min(args.slots, 32), 1 if args.model else 3))
            rounds = [measure_round(started, number, args) for number in range(args.rounds)]
        finally:
            stop_all(started)
    print(f"\n{args.threads} threads, {args.rounds} rounds; above 1 is ours faster: median (least – most)\n")
    print("\n\n".join(report.ratios(rounds, ours, theirs) for ours, theirs in pairs))


if __name__ == "__main__":
    main()
