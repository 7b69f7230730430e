"""The smallest server the real client can hold a conversation with: it keeps each request, and answers as scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.patience import PATIENCE_S

Json = dict[str, Any]


@dataclass
class Loopback:
    """`command`, when set, is asked for once with the Bash tool; then the answer is "done"."""

    command: str | None = None
    asked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    url: str = ""

    def answer(self, body: Json) -> bytes:
        used = any(part.get("type") == "tool_result" for m in body["messages"] for part in _parts(m))
        if self.command is None or used:
            return _stream({"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}, "end_turn")
        asked = json.dumps({"command": self.command, "description": "look around"})
        tool = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
        return _stream(tool, {"type": "input_json_delta", "partial_json": asked}, "tool_use")

    def tool_results(self) -> str:
        return json.dumps(
            [part for m in self.bodies[-1]["messages"] for part in _parts(m) if "tool_use_id" in part]
        )


@contextmanager
def loopback(command: str | None = None) -> Iterator[Loopback]:
    """Runs a server on a free loopback port for as long as the block."""
    state = Loopback(command)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_HEAD(self) -> None:
            self._say(b"")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            state.bodies.append(body)
            state.asked.set()
            state.may_answer.wait(timeout=PATIENCE_S)
            self._say(state.answer(body))

        def _say(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield state
        finally:
            state.may_answer.set()
            server.shutdown()
            serving.join()


def _parts(message: Json) -> list[Json]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _stream(block: Json, delta: Json, stop: str) -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": usage,
    }
    events: list[Json] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()
