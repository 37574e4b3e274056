"""Sends a scenario to a server from one thread and times what comes back. It reads nothing but what it must: it shares the processors with the server."""
import dataclasses
import json
import re
import selectors
import socket
import time

TIMEOUT_SECONDS = 600
TEXT = re.compile(rb'"text":"[^"]')
USAGE = re.compile(rb'"usage":(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')
END = b"\r\n0\r\n\r\n"

# llama.cpp looks over a text when it is complete, and fails one that ends inside a character: every token has been generated and sent by then.
CUT_CHARACTER = b"The model produced output that does not match the expected"


@dataclasses.dataclass
class Answer:
    """Seconds, counted from when the request was sent; token counts as the server tells them."""
    first_text: float
    last_text: float
    prompt_tokens: int | None
    tokens: int

    @property
    def between_tokens(self):
        return (self.last_text - self.first_text) / max(1, self.tokens - 1)


@dataclasses.dataclass
class Measurement:
    """One scenario on one server."""
    seconds: float
    answers: list
    server_processor_seconds: float
    own_processor_seconds: float

    @property
    def tokens_per_second(self):
        return sum(answer.tokens for answer in self.answers) / self.seconds


class _Stream:
    """One client: the requests it still has to send, each on a connection of its own, as llama-server closes one after a streamed answer."""

    def __init__(self, server, requests):
        self._port, self._pending = server.port, [(self._encode(server.timed_body(request)), request.max_tokens) for request in requests][::-1]
        self.answers, self.socket = [], None

    @staticmethod
    def _encode(body):
        payload = json.dumps(body).encode()
        head = ("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n")
        return head.encode() + payload

    def send(self):
        """Sends the next request; false when there is none."""
        if not self._pending:
            return False
        self._received, self._first = bytearray(), None
        payload, self._max_tokens = self._pending.pop()
        self._sent = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_SECONDS)
        self.socket.sendall(payload)
        return True

    def receive(self):
        """Takes what has come; true when the answer is complete."""
        data = self.socket.recv(1 << 16)
        now = time.monotonic()
        if not data:
            raise RuntimeError(f"the server closed the connection after {bytes(self._received[-300:])!r}")
        self._received += data
        if self._first is None and TEXT.search(self._received):
            if b" 200 " not in self._received[:16]:
                raise RuntimeError(bytes(self._received[:500]))
            self._first = now
        if not self._received.endswith(END):
            return False
        self._finish(now)
        return True

    def _finish(self, now):
        usage = USAGE.findall(self._received)
        if self._first is not None and usage and b"data: [DONE]" in self._received:
            counts = json.loads(usage[-1])
            self.answers.append(Answer(self._first - self._sent, now - self._sent, counts["prompt_tokens"], counts["completion_tokens"]))
        elif self._first is not None and CUT_CHARACTER in self._received:
            self.answers.append(Answer(self._first - self._sent, now - self._sent, None, self._max_tokens))
        else:
            raise RuntimeError(f"not a whole stream: {bytes(self._received[-500:])!r}")


def measure(server, scenario):
    """Sends the scenario's warm requests, then all streams."""
    for request in scenario.warm:
        _drive([_Stream(server, [request])])
    streams = [_Stream(server, requests) for requests in scenario.streams]
    server_before, own_before, before = server.processor_seconds(), time.process_time(), time.monotonic()
    _drive(streams)
    seconds = time.monotonic() - before
    return Measurement(seconds, [answer for stream in streams for answer in stream.answers],
                       server.processor_seconds() - server_before, time.process_time() - own_before)


def _drive(streams):
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.send()
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        end = time.monotonic() + TIMEOUT_SECONDS
        running = len(streams)
        while running > 0:
            if time.monotonic() > end:
                raise TimeoutError(f"not done after {TIMEOUT_SECONDS} s")
            for key, _ in selector.select(1):
                stream = key.data
                if not stream.receive():
                    continue
                selector.unregister(stream.socket)
                stream.socket.close()
                if stream.send():
                    selector.register(stream.socket, selectors.EVENT_READ, stream)
                else:
                    running -= 1
