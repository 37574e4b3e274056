"""The servers under comparison, as processes of their own on loopback."""
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

START_SECONDS = 120
STOP_SECONDS = 30


class Server:
    """A running server. name is what the report calls it."""

    def __init__(self, name, command, port, choice_of_model, by_schema, log):
        """choice_of_model(request) gives the fields by which this server is told the adapter, by_schema(schema) those by which it holds an answer to one."""
        self.name, self.port, self._choice_of_model, self._by_schema = name, port, choice_of_model, by_schema
        self._log = open(log, "wb")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def wait_until_ready(self, path):
        """Waits for a 200 on the path."""
        end = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not serve; see {self._log.name}")

    def timed_body(self, request):
        """The body of a completion in a stream, with the chat written out, so that neither side looks for tool calls in an answer that is forced past its end."""
        ends = {"ignore_eos": True} if request.schema is None else self._by_schema(request.schema)
        return {**self._choice_of_model(request), **ends, "prompt": written_out(request.messages), "max_tokens": request.max_tokens, "temperature": 0,
                "stream": True, "stream_options": {"include_usage": True}}

    def ask(self, request):
        """The text of a whole answer to a chat, up to its own end."""
        body = {**self._choice_of_model(request), "messages": request.messages, "max_tokens": request.max_tokens, "temperature": 0}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name}: {error.read(1000)!r}") from error

    def processor_seconds(self):
        """Processor time used so far."""
        with open(f"/proc/{self._process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Ends the process."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def written_out(messages):
    """A chat as the bundled model's template writes it; both servers put the begin-of-text token before it."""
    turns = "".join(f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages)
    return f"{turns}<|im_start|>assistant\n"


def start_daemon(executable, threads, log, name="serving", options=()):
    """This repository's daemon, published, with its bundled model and adapters unless the options name another one."""
    port = free_port()
    command = [executable, "--port", str(port), "--grpc-port", "0", "--device", "cpu", "--threads", str(threads), "--log-level", "warning", *options]
    server = Server(name, command, port, lambda request: {"model": request.adapter or "tiny-chat-5m"}, lambda schema: {"structured_outputs": {"json": schema}}, log)
    server.wait_until_ready("/health/ready")
    return server


def start_llama(executable, name, model, adapters, threads, slots, context, log, extra=()):
    """llama-server with as many slots as there are streams, each with the whole context, and every adapter loaded, none of them applied unless a request says so."""
    port, order = free_port(), sorted(adapters)
    command = [executable, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-t", str(threads), "-tb", str(threads),
               "-np", str(slots), "-c", str(slots * context), "--lora-init-without-apply", *extra]
    for adapter in order:
        command += ["--lora", adapters[adapter]]

    # Every adapter with its scale: what a request does not name may be applied.
    def choice_of_model(request):
        return {"lora": [{"id": i, "scale": float(adapter == request.adapter)} for i, adapter in enumerate(order)]}

    server = Server(name, command, port, choice_of_model, lambda schema: {"json_schema": schema}, log)
    server.wait_until_ready("/health")
    return server
