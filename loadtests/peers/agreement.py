"""Whether the servers answer alike: greedy answers to recorded prompts. A conversion that is wrong shows here, before any time is taken."""
import glob
import json
import os

import scenarios

ANSWER_TOKENS = 64
LEAST_AGREEMENT = 0.9


def recorded(folder, most):
    """(request, recorded answer) of each file NAME.jsonl of an adapter or of the base model, the first `most` of each."""
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        name = os.path.basename(path).removesuffix(".jsonl")
        if name != "base" and name not in scenarios.ADAPTERS:
            continue
        with open(path, encoding="utf-8") as file:
            for line in file.readlines()[:most]:
                entry = json.loads(line)
                yield scenarios.Request(entry["messages"], ANSWER_TOKENS, None if name == "base" else name), entry["output_text"]


def check(servers, folder, most):
    """Prints how often each server gives the recorded answer; raises when one seldom does."""
    asked = list(recorded(folder, most))
    if not asked:
        raise ValueError(f"no recorded prompts in {folder}")
    for server in servers:
        alike = sum(server.ask(request) == answer for request, answer in asked)
        print(f"  {server.name}: {alike} of {len(asked)} recorded greedy answers, word for word", flush=True)
        if alike < LEAST_AGREEMENT * len(asked):
            raise RuntimeError(f"{server.name} is not the same model")
