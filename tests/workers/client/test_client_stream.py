from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.client import recordings
from workers.client import words
from workers.client.listen.messages import (
    Answer,
    ControlReply,
    Init,
    Lifecycle,
    Malformed,
    Other,
    Replay,
    Result,
    Retry,
    SessionState,
    Text,
    Tokens,
    ToolResults,
    ToolUse,
)
from workers.client.listen.rendering import render
from workers.client.listen.stream import read
from workers.client.listen.verdict import Seen, judge
from workers.client.listen.windows import Windows

TOLD = "11111111-1111-4111-8111-111111111111"

ODD = """null true false 0 -1 1.5 -0.1 NaN Infinity 1e400 1000000000000000000000000 "" "x" "2026-99-99" [] [null] [[]]
{} {"":1} {"type":[]} [{"type":"text"}] [{"type":"tool_result","content":7}] {"a":{"b":null}}"""
odd_values = st.sampled_from([json.loads(word) for word in ODD.split()])
known_lines = st.sampled_from([json.loads(p) for name in recordings.NAMES for p in recordings.payloads(name)])


def everything(payload: bytes) -> None:
    line = read(payload)
    render(payload)
    judge(line if isinstance(line, Result) else None, Seen().after(line), None)


@given(st.binary(max_size=200))
def test_no_bytes_raise(payload: bytes) -> None:
    """Whatever bytes a torn spool holds, reading, judging and showing them does not raise."""
    everything(payload)


@given(known_lines, st.data())
def test_no_field_of_another_type_raises(line: dict[str, object], data: st.DataObject) -> None:
    """A client that changes the type of any field breaks nothing."""
    changed = dict(line)
    for key in data.draw(st.lists(st.sampled_from(sorted(line)), max_size=4)):
        value = changed[key]
        if isinstance(value, dict) and value and data.draw(st.booleans()):
            inner = data.draw(st.sampled_from(sorted(value)))
            changed[key] = {**value, inner: data.draw(odd_values)}
        elif key != "type":
            changed[key] = data.draw(odd_values)
    everything(json.dumps(changed).encode())


@given(st.sampled_from(recordings.NAMES), st.integers(0, 4000))
def test_a_line_cut_anywhere_is_malformed_or_whole(name: str, at: int) -> None:
    """Half a line is never taken for another line."""
    for payload in recordings.payloads(name)[:1]:
        if at < len(payload):
            assert isinstance(read(payload[:at]), Malformed)


@pytest.mark.parametrize("payload", [b"", b"null", b"[1]", b'"text"', b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_malformed_and_says_why(payload: bytes) -> None:
    """A line that is no JSON object is told apart, with a reason."""
    line = read(payload)
    assert isinstance(line, Malformed)
    assert line.reason


def test_a_new_kind_of_line_is_other() -> None:
    """A line this program never heard of is named and passed by."""
    assert read(b'{"type":"thought_weather","sky":"clear"}') == Other("thought_weather")


def test_half_an_emoji_does_not_lose_the_line() -> None:
    """The client cuts text in mid-emoji; the line is read all the same, and can be stored as UTF-8."""
    line = read(b'{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"ok \\ud83d"}]}}')
    assert isinstance(line, Answer)
    assert line.parts == (Text("ok ?"),)


def test_a_finished_turn_is_read_whole() -> None:
    """A turn's lines give its session, what was said and done, its tokens, and which messages it took in."""
    found = recordings.lines("finished")
    init = next(line for line in found if isinstance(line, Init))
    assert (init.session_id, init.api_key_source) == ("7c1b3f0e-0000-4000-8000-000000000007", "none")
    assert (init.model, init.version) == ("claude-sonnet-5-5", "2.1.330")
    answers = [line for line in found if isinstance(line, Answer)]
    assert answers[0].tokens == Tokens(input=1200, output=1, cache_read=5000, cache_creation=300)
    uses = [part for answer in answers for part in answer.parts if isinstance(part, ToolUse)]
    assert [(use.name, use.input["command"]) for use in uses] == [("Bash", "git status")]
    assert any(isinstance(line, ToolResults) and not line.results[0].is_error for line in found)
    result = recordings.result("finished")
    assert result is not None
    assert (result.text, result.num_turns, result.consumed) == ("Done.", 2, (TOLD,))
    assert result.tokens == Tokens(input=2400, output=84, cache_read=10000, cache_creation=600)
    assert result.cost_usd == pytest.approx(0.00814)


def test_a_told_message_is_followed_by_its_uuid() -> None:
    """What was told is seen queued, started, taken in and completed; then the session is idle."""
    found = recordings.lines("finished")
    states = [line.state for line in found if isinstance(line, Lifecycle) and line.uuid == TOLD]
    assert states == ["queued", "started", "completed"]
    assert Replay(TOLD, "Look at the repository.") in found
    assert [line.state for line in found if isinstance(line, SessionState)] == ["running", "idle"]
    assert found[-1] == SessionState("idle")


def test_a_retry_tells_how_long_it_waits() -> None:
    """A throttle is seen while the client still waits, in milliseconds, with the API's status."""
    retries = [line for line in recordings.lines("busy_529") if isinstance(line, Retry)]
    assert [(one.status, one.error, one.max_retries) for one in retries] == [(529, "overloaded", 1)]
    assert 0 < retries[0].delay_ms < 60_000
    cut = next(line for line in recordings.lines("cut") if isinstance(line, Retry))
    assert cut.status is None


def test_denied_tools_are_named() -> None:
    """A tool that nobody was there to allow is named in the result."""
    denial = {"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "curl"}}
    line = read(json.dumps({"type": "result", "is_error": False, "permission_denials": [denial]}).encode())
    assert isinstance(line, Result)
    assert line.permission_denials == ("Bash",)


def test_an_interrupt_is_answered() -> None:
    """A control request's answer carries its id."""
    replies = [line for line in recordings.lines("interrupted") if isinstance(line, ControlReply)]
    assert [(reply.request_id, reply.ok) for reply in replies] == [("i1", True)]


def test_a_failed_control_request_says_why() -> None:
    """A refused control request keeps the client's reason."""
    reply = {"subtype": "error", "request_id": "m2", "error": "no such model"}
    line = read(json.dumps({"type": "control_response", "response": reply}).encode())
    assert line == ControlReply("m2", False, {}, "no such model")


@given(st.text())
def test_any_words_fit_on_one_line(text: str) -> None:
    """Whatever a person says is one line for the client, and arrives as it was said."""
    said = words.user_message(text, TOLD)
    assert len(said.splitlines()) == 1
    back = json.loads(said)
    assert (back["message"]["content"], back["uuid"], back["type"]) == (text, TOLD, "user")


def test_control_requests_carry_their_id() -> None:
    """Each control request is one line with the id that its answer will carry."""
    requests = [words.interrupt("a"), words.set_model("a", "haiku"), words.get_context_usage("a")]
    assert {json.loads(line)["request_id"] for line in requests} == {"a"}


def test_a_limit_is_seen_before_its_result() -> None:
    """The windows arrive as a line of their own, so a limit is known before the turn's result."""
    kinds = [type(line) for line in recordings.lines("limited_five_hour")]
    assert kinds.index(Windows) < kinds.index(Result)
