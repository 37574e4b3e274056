"""Renders cases.json and chat.json with Jinja2 set up as transformers sets it up; writes expected.json. Needs: pip install jinja2==3.1.6"""
import datetime
import json
import pathlib

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Refused(Exception):
    pass


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def refuse(message):
    raise Refused(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def render(case):
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = datetime.datetime(2026, 1, 2, 10, 30).strftime
    variables = {"messages": [], "tools": None, "documents": None, "add_generation_prompt": True, **case["variables"]}
    try:
        return {"output": env.from_string(case["template"]).render(**variables)}
    except Refused as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"error": type(error).__name__}


def cases(folder):
    yield from json.loads((folder / "cases.json").read_text())
    chat = json.loads((folder / "chat.json").read_text())
    for name, template in chat["templates"].items():
        for conversation, variables in chat["conversations"].items():
            tokens = {"bos_token": "<s>", "eos_token": "</s>"}
            yield {"name": f"{name} / {conversation}", "template": template, "variables": {**tokens, **variables}}


folder = pathlib.Path(__file__).resolve().parent
expected = {case["name"]: render(case) for case in cases(folder)}
(folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")
