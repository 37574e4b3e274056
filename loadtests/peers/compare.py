"""The daemon beside llama.cpp's server on this machine's CPU: the same weights, prompts, threads and sampling, in turns, over HTTP with streaming.

    dotnet publish -c Release src/Serving.Server -o DAEMON
    python3 loadtests/peers/compare.py --daemon DAEMON/Serving.Server --llama-server PATH/llama-server

The bundled model goes to llama.cpp as it is (bf16), with its usual cache of keys and values (f16) and with one in bf16, as ours is, which is faster in one thing and slower in another;
where llama-quantize lies beside llama-server also as Q8_0, which is smaller and less exact.
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
SLOTS = 32
CONTEXT = 2048


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
    return parser.parse_args()


def start_all(args, folder):
    """Ours and the peers, all running; whoever does not compute at the moment waits for a request."""
    model, adapters = convert.convert(os.path.join(BUNDLED, "model"), os.path.join(BUNDLED, "adapters"), folder)
    started = [servers.start_daemon(args.daemon, args.threads, os.path.join(folder, "serving.log"))]
    peers = {"llama.cpp bf16": (model, []), "llama.cpp bf16, bf16 cache": (model, ["-ctk", "bf16", "-ctv", "bf16"])}
    quantize = os.path.join(os.path.dirname(args.llama_server), "llama-quantize")
    if os.path.exists(quantize):
        quantized = os.path.join(folder, "model-q8_0.gguf")
        subprocess.run([quantize, model, quantized, "Q8_0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peers["llama.cpp Q8_0"] = (quantized, [])
    try:
        for name, (path, options) in peers.items():
            log = os.path.join(folder, f"{name}.log")
            started.append(servers.start_llama(args.llama_server, name, path, adapters, args.threads, SLOTS, CONTEXT, log, options + args.llama_option))
    except BaseException:
        stop_all(started)
        raise
    return started


def stop_all(started):
    for server in started:
        server.stop()


def measure_round(started, number, wanted):
    """Every scenario on every server, the order turned round from one round to the next. Prompts are new in each round."""
    measured = {}
    for scenario in scenarios.all_scenarios(number):
        if wanted not in scenario.name:
            continue
        for server in started if number % 2 == 0 else started[::-1]:
            measured[scenario.name, server.name] = result = load.measure(server, scenario)
            print(report.line(scenario, server, result), flush=True)
    return measured


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    with tempfile.TemporaryDirectory() as folder:
        started = start_all(args, folder)
        try:
            if args.references:
                agreement.check(started, args.references, args.prompts)
            for server in started:
                load.measure(server, scenarios.warm_up())
            rounds = [measure_round(started, number, args.scenario) for number in range(args.rounds)]
        finally:
            stop_all(started)
    print(f"\n{args.threads} threads, {args.rounds} rounds; above 1 is ours faster: median (least – most)\n")
    print("\n\n".join(report.ratios(rounds, started[0].name, peer.name) for peer in started[1:]))


if __name__ == "__main__":
    main()
