"""Speaking to the double as the client does, over plain HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fleet.double import Double
from tests.patience import PATIENCE_S

Message = dict[str, Any]

SYSTEM = "You are an agent.\n - Primary working directory: /work/tree\n - Is a git repository: true"


@dataclass(frozen=True)
class Heard:
    """What came back: `body` of a JSON answer, or the events of a stream, `whole` unless it broke off."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    events: tuple[dict[str, Any], ...] = ()
    whole: bool = True

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The content, from a JSON answer or put together from a stream's deltas."""
        return self.body["content"] if self.body else _content(self.events)

    @property
    def text(self) -> str:
        return "".join(block.get("text", "") for block in self.blocks)

    @property
    def message(self) -> Message:
        return {"role": "assistant", "content": self.blocks}


def user(text: str) -> Message:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def results(answer: Heard, *, is_error: bool = False) -> Message:
    """The user message that reports the result of every tool call of `answer`."""
    calls = [block for block in answer.blocks if block["type"] == "tool_use"]
    return {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": call["id"], "content": "ok", "is_error": is_error}
            for call in calls
        ],
    }


def ask(
    double: Double,
    token: str,
    messages: Sequence[Message],
    *,
    model: str = "claude-sonnet-5-5",
    session: str = "s1",
    stream: bool = False,
    key_header: bool = False,
    **more: Any,
) -> Heard:
    body = {
        "model": model,
        "max_tokens": 1000,
        "system": SYSTEM,
        "messages": list(messages),
        "stream": stream,
    }
    headers = {"x-api-key": token} if key_header else {"authorization": f"Bearer {token}"}
    headers["x-claude-code-session-id"] = session
    return call(
        double, "POST", "/v1/messages?beta=true", body | {"tools": [{"name": "Write"}]} | more, headers
    )


def call(
    double: Double,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Heard:
    """One request on a connection of its own; `body` is sent as JSON, or as it is when it is bytes."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(double.base_url).port or 0, timeout=PATIENCE_S
    )
    try:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        connection.request(method, path, raw, dict(headers or {}))
        return _heard(connection.getresponse())
    finally:
        connection.close()


def _heard(response: http.client.HTTPResponse) -> Heard:
    whole = True
    try:
        raw = response.read()
    except http.client.IncompleteRead as broken:
        raw, whole = broken.partial, False
    headers = {name.lower(): value for name, value in response.getheaders()}
    if headers.get("content-type", "").startswith("text/event-stream"):
        data = [line.removeprefix(b"data: ") for line in raw.splitlines() if line.startswith(b"data: ")]
        return Heard(response.status, headers, {}, tuple(json.loads(line) for line in data), whole)
    return Heard(response.status, headers, json.loads(raw) if raw else {}, whole=whole)


def _content(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]) | {"_json": ""})
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            blocks[-1]["_json"] += delta.get("partial_json", "")
            if "text" in delta:
                blocks[-1]["text"] += delta["text"]
    for block in blocks:
        partial = block.pop("_json")
        if partial:
            block["input"] = json.loads(partial)
    return blocks
