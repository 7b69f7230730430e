"""A line of the client's stream as a person reads it in `fleet task logs`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workers.client.listen.messages import (
    Answer,
    Malformed,
    Message,
    Replay,
    Result,
    Retry,
    Text,
    ToolResults,
    ToolUse,
)
from workers.client.listen.stream import read
from workers.client.listen.windows import Windows
from workers.printable import paint, printable

_WIDTH = 160
"""Characters of a tool's input or error that are shown."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)", re.DOTALL)

_TELLING = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "path",
    "url",
    "query",
    "description",
    "prompt",
    "skill",
)
"""The input fields that say best what a tool is used for, the best first."""


def render(payload: bytes, colour: bool = False, *, free: bool = False) -> str | None:
    """What to print for a line of the client's standard output; None for lines that tell a person nothing. `free`: what
    it prices costs nothing.

    What the worker or a tool said can hold terminal escapes: whole ones are taken out, whatever else a terminal would
    obey is shown as its escape. Colours become escape sequences only where they are printed (`workers/printable.py`).
    """
    return render_line(read(payload), colour, free=free)


def render_line(line: Message, colour: bool = False, *, free: bool = False) -> str | None:
    """The same for a line that has been read already."""
    if free and isinstance(line, Result):
        line = replace(line, cost_usd=0.0)
    show = _SHOWN.get(type(line))
    if show is None:
        return None
    found = [(style, _clean(text)) for style, text in show(line)]
    shown = [_paint(text, style, colour) for style, text in found if text.strip()]
    return "\n".join(shown) or None


_Styled = tuple[str, str]


def _answer(line: Answer) -> list[_Styled]:
    shown = [_part(part, line) for part in line.parts]
    return [(style, f"  {text}") for style, text in shown] if line.subagent else shown


def _part(part: Text | ToolUse, line: Answer) -> _Styled:
    if isinstance(part, ToolUse):
        return "36", f"⏵ {part.name}{_about(part)}"
    return ("31", f"✗ {part.text}") if line.error else ("", part.text)


def _about(use: ToolUse) -> str:
    fields = [use.input.get(name) for name in _TELLING] + list(use.input.values())
    text = next((value for value in fields if isinstance(value, str) and value.strip()), "")
    return f": {_clip(text)}" if text else ""


def _tool_results(line: ToolResults) -> list[_Styled]:
    return [("31", f"✗ {_clip(result.text)}") for result in line.results if result.is_error]


def _replay(line: Replay) -> list[_Styled]:
    return [("1", f"❯ {line.text}")]


def _windows(line: Windows) -> list[_Styled]:
    name = line.representative or "the server"
    if line.status == "rejected":
        if line.representative is None:
            return []
        return [("31", f"✗ limit {name} reached{_until(line.resets_at_ms)}")]
    if line.status == "allowed_warning":
        used = next((one.utilization for one in line.windows if one.name == name), None)
        share = "" if used is None else f": {used:.0%} used"
        return [("33", f"! limit {name} is near{share}{_until(line.resets_at_ms)}")]
    return []


def _until(epoch_ms: int | None) -> str:
    if epoch_ms is None:
        return ""
    return f", resets {datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _retry(line: Retry) -> list[_Styled]:
    what = line.status if line.status is not None else "no answer"
    seconds = line.delay_ms / 1000
    return [
        ("33", f"! {what} ({line.error}): again in {seconds:.1f} s, {line.attempt} of {line.max_retries}")
    ]


def _result(line: Result) -> list[_Styled]:
    tokens = line.tokens
    cost = f", ${line.cost_usd:.4f}" if line.cost_usd else ""
    sums = f"{line.num_turns} turns, {tokens.total:,} tokens ({tokens.output:,} out){cost}"
    if not line.is_error:
        return [("32", f"✓ {sums}")]
    reason = (
        line.terminal_reason
        if line.terminal_reason not in (None, "api_error")
        else line.api_error or line.subtype
    )
    status = f" {line.api_error_status}" if line.api_error_status else ""
    return [("31", f"✗ {reason}{status} · {sums}")]


def _malformed(line: Malformed) -> list[_Styled]:
    return [("33", f"! a line that is no JSON object: {_clip(line.reason)}")]


_SHOWN: dict[type, Callable[[Any], list[_Styled]]] = {
    Answer: _answer,
    ToolResults: _tool_results,
    Replay: _replay,
    Windows: _windows,
    Retry: _retry,
    Result: _result,
    Malformed: _malformed,
}


def _clip(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= _WIDTH else f"{one[: _WIDTH - 1]}…"


def _clean(text: str) -> str:
    return printable(_ESCAPES.sub("", text.replace("\r\n", "\n")))


def _paint(text: str, style: str, colour: bool) -> str:
    return paint(text, style) if colour else text
