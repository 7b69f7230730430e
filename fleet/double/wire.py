"""The Messages API on the wire: answers as JSON or as server-sent events, and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.double.script import Step

_CWD = "{cwd}"
_TEXT_PIECES = 4


@dataclass(frozen=True)
class Answer:
    """One answer ready to be sent. `usage` is the API's: input, cache and output tokens."""

    message_id: str
    model: str
    blocks: tuple[Mapping[str, Any], ...]
    usage: Mapping[str, Any]

    @property
    def stop_reason(self) -> str:
        return "tool_use" if any(block["type"] == "tool_use" for block in self.blocks) else "end_turn"


def blocks_of(step: Step, answer_id: str, cwd: str | None) -> tuple[Mapping[str, Any], ...]:
    """The content blocks of a step, with `{cwd}` filled in (nothing when the client named none)."""
    blocks: list[Mapping[str, Any]] = []
    if step.text or not step.tools:
        blocks.append({"type": "text", "text": _fill_in(step.text or "Done.", cwd)})
    for index, tool in enumerate(step.tools):
        tool_id = f"toolu_{answer_id}_{index}"
        blocks.append(
            {"type": "tool_use", "id": tool_id, "name": tool.name, "input": _fill_in(tool.input, cwd)}
        )
    return tuple(blocks)


def _fill_in(value: Any, cwd: str | None) -> Any:
    if isinstance(value, str):
        return value.replace(_CWD, cwd or "")
    if isinstance(value, Mapping):
        return {key: _fill_in(entry, cwd) for key, entry in value.items()}
    if isinstance(value, list):
        return [_fill_in(entry, cwd) for entry in value]
    return value


def usage_of(step: Step, warm_tokens: int) -> dict[str, Any]:
    """How the step's `tokens_in` divide when `warm_tokens` of them are in the account's prompt cache."""
    read = min(warm_tokens, step.tokens_in * 9 // 10)
    fresh = min(8, step.tokens_in - read)
    created = step.tokens_in - read - fresh
    return {
        "input_tokens": fresh,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": created, "ephemeral_1h_input_tokens": 0},
        "output_tokens": step.tokens_out,
        "service_tier": "standard",
    }


def as_json(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.message_id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": list(answer.blocks),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": dict(answer.usage),
    }


def opening_event(answer: Answer) -> bytes:
    message = as_json(answer) | {
        "content": [],
        "stop_reason": None,
        "usage": {**answer.usage, "output_tokens": 1},
    }
    return _event({"type": "message_start", "message": message}) + PING


def content_events(answer: Answer) -> Iterator[bytes]:
    """Each event of the content and the close, one by one, so that a stream can be cut between any two."""
    for index, block in enumerate(answer.blocks):
        yield from _block_events(index, block)
    usage = {"output_tokens": answer.usage["output_tokens"]}
    delta = {"stop_reason": answer.stop_reason, "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": delta, "usage": usage})
    yield _event({"type": "message_stop"})


def cut_content(answer: Answer) -> Iterator[bytes]:
    """The first half of the first block: a few deltas, then nothing."""
    opening, *deltas, _stop = _block_events(0, answer.blocks[0])
    yield opening
    yield from deltas[: len(deltas) // 2]


def late_cut_content(answer: Answer) -> Iterator[bytes]:
    """Half of the text as a whole block, and the opening of a next one."""
    text = str(answer.blocks[0].get("text", "I begin"))
    yield from _block_events(0, {"type": "text", "text": text[: max(len(text) // 2, 1)]})
    yield _block_events(1, {"type": "text", "text": ""})[0]


def error_body(kind: str, message: str, request_id: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def _block_events(index: int, block: Mapping[str, Any]) -> list[bytes]:
    if block["type"] == "text":
        empty: Mapping[str, Any] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    else:
        empty = {**block, "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in _pieces(json.dumps(block["input"]))
        ]
    return [
        _event({"type": "content_block_start", "index": index, "content_block": empty}),
        *(_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
        _event({"type": "content_block_stop", "index": index}),
    ]


def _pieces(text: str) -> list[str]:
    size = max(-(-len(text) // _TEXT_PIECES), 1)
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(data: Mapping[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


PING = _event({"type": "ping"})
