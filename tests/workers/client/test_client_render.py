from __future__ import annotations

import json

from tests.workers.client import recordings
from workers.client.listen.rendering import render
from workers.printable import printable


def shown(name: str) -> list[str]:
    return [text for payload in recordings.payloads(name) if (text := render(payload)) is not None]


def answer(*blocks: dict[str, object], **more: object) -> bytes:
    return json.dumps({"type": "assistant", "message": {"id": "m", "content": blocks}, **more}).encode()


def test_a_turn_reads_like_a_conversation() -> None:
    """A finished turn is what was asked, said, done, and what it took."""
    assert shown("finished") == [
        "❯ Look at the repository.",
        "Let me look.",
        "⏵ Bash: git status",
        "Done.",
        "✓ 2 turns, 13,084 tokens (84 out), $0.0081",
    ]


def test_a_limit_says_which_and_until_when() -> None:
    """A refusal names the window and its reset in a form that can be compared."""
    assert "✗ limit five_hour reached, resets 2026-11-23 02:13 UTC" in shown("limited_five_hour")
    assert "! limit five_hour is near: 93% used, resets 2026-11-23 02:13 UTC" in shown("warning")


def test_a_retry_says_how_long() -> None:
    """A worker that waits for the server says so."""
    assert any(text.startswith("! 529 (overloaded): again in 0.6 s, 1 of 1") for text in shown("busy_529"))


def test_long_things_are_short() -> None:
    """A tool's long input or error takes one line of a log."""
    use = answer(
        {
            "type": "tool_use",
            "id": "t",
            "name": "Write",
            "input": {"content": "x" * 9000, "file_path": "a.py"},
        }
    )
    assert render(use) == "⏵ Write: a.py"
    error = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "line\n" * 4000}
    text = render(json.dumps({"type": "user", "message": {"content": [error]}}).encode())
    assert text is not None
    assert len(text) < 200
    assert "\n" not in text


def test_a_log_cannot_steer_the_terminal() -> None:
    """Whole terminal escapes in what a worker says are taken out, parts of them are shown; words and line ends stay."""
    said = "red \x1b[31malert\x1b[0m \x1b]0;title\x07done\x9b2J\r\nnext\x1b"
    assert render(answer({"type": "text", "text": said})) == "red alert done\\u009b2J\nnext"


def test_colour_is_used_only_when_asked_for() -> None:
    """Without colour there is no escape code at all; with it, the words are the same."""
    for payload in recordings.payloads("limited_five_hour"):
        assert "\x1b" not in (render(payload) or "")
    use = answer({"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}})
    assert printable(render(use, colour=True) or "") == "\x1b[36m⏵ Bash: ls\x1b[0m"


def test_a_subagent_is_indented() -> None:
    """What a subagent says is told apart from what the worker says."""
    assert render(answer({"type": "text", "text": "found it"}, parent_tool_use_id="t")) == "  found it"


def test_noise_is_not_shown() -> None:
    """Lines that tell a person nothing are left out."""
    assert render(b'{"type":"system","subtype":"init","session_id":"s"}') is None
    assert render(b'{"type":"command_lifecycle","state":"queued"}') is None


def test_a_broken_line_is_shown_as_broken() -> None:
    """A line that is no JSON is not passed over in silence."""
    assert (render(b"{half") or "").startswith("! a line that is no JSON object")
