"""Talks to the daemon through gRPC's Python client and prints what came of it as one JSON object. Messages come from a FileDescriptorSet, so that no code is generated."""
import json
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, key, descriptors = sys.argv[1:]
files = descriptor_pb2.FileDescriptorSet()
with open(descriptors, "rb") as file:
    files.ParseFromString(file.read())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
types = message_factory.MessageFactory(pool)


def message(name):
    return types.GetPrototype(pool.FindMessageTypeByName(name))


Request, Response, Part = (message(f"serving.v1.Generate{name}") for name in ("Request", "Response", "StreamResponse"))
Check, Health = (message(f"grpc.health.v1.HealthCheck{name}") for name in ("Request", "Response"))
channel = grpc.insecure_channel(address)
service = "/serving.v1.InferenceService/"
unary = channel.unary_unary(service + "Generate", Request.SerializeToString, Response.FromString)
stream = channel.unary_stream(service + "GenerateStream", Request.SerializeToString, Part.FromString)
health = channel.unary_unary("/grpc.health.v1.Health/Check", Check.SerializeToString, Health.FromString)
metadata = [("authorization", f"Bearer {key}")]


def request(model="pirate", **fields):
    made = Request(model=model, temperature=0, max_tokens=48, **fields)
    made.chat.messages.add(role="user", content="What is the capital of France?")
    return made


def code_of(call):
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


def long_request():
    return Request(text="Once upon a time", max_tokens=1500, ignore_eos=True)


def cancel_in_mid_stream():
    call = stream(long_request(), metadata=metadata)
    next(call)
    call.cancel()
    for _ in call:
        pass


whole = unary(request(), metadata=metadata)
parts = list(stream(request(), metadata=metadata))
others = [None] * 8


def ask(index):
    others[index] = unary(request(), metadata=metadata).choices[0].text


threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(others))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

print(json.dumps({
    "whole": whole.choices[0].text,
    "streamed": "".join(part.choice.text for part in parts),
    "others": sorted(set(others)),
    "tokens": [whole.usage.total_tokens, parts[-1].usage.total_tokens],
    "healthy": health(Check(), timeout=10).status,
    "cancelled": code_of(cancel_in_mid_stream),
    "deadline": code_of(lambda: list(stream(long_request(), metadata=metadata, timeout=0.15))),
    "keyless": code_of(lambda: unary(request())),
    "least": unary(request(min_tokens=40), metadata=metadata).usage.completion_tokens,
    "withoutParis": unary(request(bad_words=["Paris"]), metadata=metadata).choices[0].text,
    "wrong": code_of(lambda: unary(request(top_p=2), metadata=metadata)),
    "tooLarge": code_of(lambda: unary(Request(text="x" * (5 << 20)), metadata=metadata)),
    "compressed": code_of(lambda: unary(Request(text="x" * 5000), metadata=metadata, compression=grpc.Compression.Gzip)),
}))
