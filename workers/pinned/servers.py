"""The two servers of a canary, on loopback: the one that it should ask, and a stranger. Travels.

Plain HTTP of the standard library; the double of the tests (`fleet.double`) knows far more, but does not travel.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from workers.pinned.bait import SKILL

_STEPS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("Bash", {"command": "true", "description": "canary"}),
    ("Skill", {"skill": SKILL}),
)
"""The tools that the answers call, one after another: some hands come out only then."""


class Server(ThreadingHTTPServer):
    """Remembers what it was asked: `"POST /path"`, and the body."""

    daemon_threads = True

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def turns(self) -> list[bytes]:
        """The bodies of the requests for an answer, oldest first."""
        return [body for what, body in list(self.asked) if _is_turn(what)]


def _is_turn(what: str) -> bool:
    return what.partition("?")[0] == "POST /v1/messages"


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class names it so)
        """What it was asked is remembered."""

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        what = f"{self.command} {self.path}"
        self.server.asked.append((what, body))
        if self.server.answers and _is_turn(what):
            self._answer(json.loads(body))
        else:
            self._send(404, "application/json", b"{}")

    do_GET = do_HEAD = do_POST = do_PUT = do_CONNECT = do_OPTIONS = _take

    def _answer(self, asked: Mapping[str, Any]) -> None:
        done = sum(_results(message) for message in asked.get("messages", ()))
        events = list(_events(done, str(asked.get("model"))))
        if asked.get("stream"):
            text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
            self._send(200, "text/event-stream", text.encode())
        else:
            whole = {
                **events[0]["message"],
                "content": [{"type": "text", "text": "ok"}],
                "stop_reason": "end_turn",
            }
            self._send(200, "application/json", json.dumps(whole).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _results(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    blocks: Sequence[Any] = content if isinstance(content, list) else ()
    return sum(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks)


def _events(done: int, model: str) -> Iterator[dict[str, Any]]:
    """A streamed answer (https://docs.claude.com/en/docs/build-with-claude/streaming): the next tool, or the end."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": f"msg_{done}", "type": "message", "role": "assistant", "model": model, "content": []}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    if done < len(_STEPS):
        name, given = _STEPS[done]
        block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{done}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
        stop = "tool_use"
    else:
        block, delta, stop = {"type": "text", "text": ""}, {"type": "text_delta", "text": "ok"}, "end_turn"
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}
    yield {"type": "message_stop"}
