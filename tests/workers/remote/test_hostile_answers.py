"""Whatever a host answers, home takes it for what was asked, or says what it was: nothing else happens."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.own_home import HOME_ID
from tests.workers.remote.hostile import (
    EVIL,
    HONEST,
    HUGE,
    OTHER,
    SESSION,
    changed,
    json,
    places,
    renamed,
)
from workers.far.directory import Directory
from workers.far.errors import CROSSING, to_header
from workers.far.frames import BadFrame, Unpacker
from workers.far.ops import Answer, Here
from workers.far.probe import Probe
from workers.far.serving import LONG, OPS, FarEnd, Outgoing
from workers.far.turn import Turn
from workers.git import GitFailed
from workers.histories import ForeignPath, parts_of
from workers.host import LocalHost
from workers.remote import answers
from workers.remote.answers import Foreign, read, read_error, read_greeting, read_push
from workers.verify import Verdict
from workers.worktree.commit import HookRefused
from workers.worktree.make import SetupFailed

EACH = pytest.mark.parametrize("op", sorted(HONEST))
calm = settings(deadline=None, max_examples=25)


def test_every_operation_of_a_far_end_has_a_shape_and_hostile_answers_here(tmp_path: Path) -> None:
    """One that is added without them fails here."""
    directory = Directory(tmp_path)
    here = Here(directory, LocalHost(directory.runs, HOME_ID), Turn(tmp_path))
    asked = {*OPS, *FarEnd(here, Outgoing(-1), Probe(directory, "/none", ()))._own}
    assert asked == set(answers.SHAPES) == set(HONEST) and asked > LONG


@EACH
def test_what_an_honest_host_answers_is_taken_as_it_is(op: str) -> None:
    args, values, blob = HONEST[op]
    assert read(op, args, values, blob) == Answer(values, blob)


def taken(op: str, args: dict[str, Any], values: Any, blob: bytes) -> Answer | None:
    """What home takes it for, None when it is against the rules: then that is said in a line for any terminal."""
    try:
        return read(op, args, values, blob)
    except Foreign as foreign:
        told = str(foreign)
        assert told.isascii() and told.isprintable() and len(told) < 1_000
        return None


def is_bounded(value: Any) -> bool:
    if isinstance(value, dict):
        return len(value) <= 200_000 and all(is_bounded(v) and is_bounded(k) for k, v in value.items())
    if isinstance(value, list):
        return len(value) <= 1_000_000 and all(map(is_bounded, value))
    if isinstance(value, str):
        return len(value) <= 1_000_000 and "\0" not in value and is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or abs(value) < 1 << 63


def is_storable(text: str) -> bool:
    return bool(text.encode("utf-8", "surrogateescape") or True)


@EACH
def test_with_one_part_of_it_changed_an_answer_is_refused_or_within_bounds(op: str) -> None:
    args, honest, blob = HONEST[op]
    for at in places(honest):
        for evil in EVIL:
            said = taken(op, args, changed(honest, at, evil), blob)
            assert said is None or is_bounded(said.values), (at, evil)
            if at and isinstance(evil, str):
                said = taken(op, args, renamed(honest, at, evil), blob)
                assert said is None or is_bounded(said.values), (at, evil)


@EACH
@pytest.mark.parametrize("huge", HUGE, ids=lambda huge: f"{type(huge).__name__} of {len(huge)}")
def test_what_is_huge_is_refused_or_within_bounds_in_each_place(op: str, huge: Any) -> None:
    args, honest, blob = HONEST[op]
    for at in [at for at in places(honest) if len(at) < 3]:
        said = taken(op, args, changed(honest, at, huge), blob)
        assert said is None or is_bounded(said.values), at


@EACH
@calm
@given(values=json, blob=st.binary(max_size=12))
def test_any_json_at_all_is_refused_or_within_bounds(op: str, values: Any, blob: bytes) -> None:
    said = taken(op, HONEST[op][0], values, blob)
    assert said is None or is_bounded(said.values)


@EACH
def test_bytes_that_nobody_asked_for_are_refused(op: str) -> None:
    args, values, blob = HONEST[op]
    assert taken(op, args, values, blob + b"x" * 10) is None


@EACH
def test_a_field_that_nobody_knows_is_refused(op: str) -> None:
    args, values, blob = HONEST[op]
    assert taken(op, args, {**values, "more": 1}, blob) is None


@pytest.mark.parametrize(
    ("op", "values", "blob"),
    [
        ("alive", {"alive": ["t9.9"], "sizes": {}}, b""),
        ("alive", {"alive": ["t1.1"], "sizes": {"t1.1": 0}}, b""),
        ("drop_runs", {"dropped": ["t11.1"]}, b""),
        ("ports", {"first": 80}, b""),
        ("ports", {"first": 20_001}, b""),
        ("mirror", {"path": "/h/mirrors/other.git", "made": True}, b""),
        ("mirror", {"path": "/h/../mirrors/r.git", "made": True}, b""),
        ("lfs_have", {"missing": ["c" * 64]}, b""),
        ("lfs_get", {"size": 3}, b"x" * 11),
        ("verify", {**HONEST["verify"][1], "command": "rm -rf /"}, b""),
        ("verify", {**HONEST["verify"][1], "ok": True}, b""),
        ("session_read", {"parts": [{"path": "x/y", "offset": 1, "length": 3}]}, b"abc"),
        ("session_read", {"parts": [{**HONEST["session_read"][1]["parts"][0], "offset": 0}]}, b"abc"),
        ("session_read", {"parts": HONEST["session_read"][1]["parts"] * 2}, b"abcabc"),
        ("session_read", HONEST["session_read"][1], b"ab"),
    ],
)
def test_an_answer_to_something_else_than_was_asked_is_refused(op: str, values: Any, blob: bytes) -> None:
    assert taken(op, HONEST[op][0], values, blob) is None


FOREIGN = [
    *("../settings.json", "/x", "//x", "", ".", "x", f"{SESSION}.jsonl", f"x/{OTHER}.jsonl", f"x/{SESSION}"),
    *(
        f"../{SESSION}.jsonl",
        f"./{SESSION}.jsonl",
        f"/{SESSION}.jsonl",
        f"a b/{SESSION}.jsonl",
        f"x\0/{SESSION}.jsonl",
    ),
    *(
        f"x/{SESSION}.jsonl/y",
        f"x/{SESSION}.jsonl\n",
        f"x/{SESSION.upper()}.jsonl",
        f"x/{SESSION}.json",
        "x/../y",
    ),
    *(
        f"x/{SESSION}/../../y",
        f"x/{SESSION}//y",
        f"x/{SESSION}//etc/passwd",
        f"x/{SESSION}/",
        f"x/{SESSION}/./y",
    ),
    *(f"x/{SESSION}/.git/config", f"x/{SESSION}/a\0b", f"x/{SESSION}/a\nb", f"x/{SESSION}/\ud800"),
    *(f"x/{OTHER}/y", f"x/y/{SESSION}.jsonl", f"{'x' * 256}/{SESSION}.jsonl", f"x/{SESSION}/{'y' * 256}"),
    *(
        f"x/{SESSION}/{'/'.join('y' * 20)}",
        f"x/{SESSION}.jsonl ",
        f"x/ {SESSION}.jsonl",
        f"é/{SESSION}.jsonl",
    ),
]


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_a_path_that_is_none_of_the_sessions_is_refused(path: str) -> None:
    with pytest.raises(ForeignPath):
        parts_of(SESSION, path)
    about = [3, "b" * 64, 1.0]
    honest = HONEST["session_have"][1]["files"]
    assert taken("session_have", HONEST["session_have"][0], {"files": {**honest, path: about}}, b"") is None


@calm
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["..", ".", "", "x", SESSION, f"{SESSION}.jsonl"])).map("/".join)
)
def test_a_path_that_is_taken_leads_to_a_file_of_that_session(path: str) -> None:
    try:
        parts = parts_of(SESSION, path)
    except ForeignPath:
        return
    assert "/".join(parts) == path and not {"", ".", ".."} & set(parts)
    assert parts[1:] == (f"{SESSION}.jsonl",) or parts[1] == SESSION


def test_a_history_of_too_many_or_too_large_files_is_refused() -> None:
    args, honest, _ = HONEST["session_have"]
    files = {f"-repo/{SESSION}/{n}": [1, "b" * 64, 1.0] for n in range(100_000)}
    assert taken("session_have", args, {"files": files | honest["files"]}, b"") is None
    large = {f"-repo/{SESSION}/{n}": [500 << 20, "b" * 64, 1.0] for n in range(2)}
    assert taken("session_have", args, {"files": large | honest["files"]}, b"") is None
    alone = {f"-other/{SESSION}/x": [1, "b" * 64, 1.0]}
    assert taken("session_have", args, {"files": alone | honest["files"]}, b"") is None


FAILURES = [
    GitFailed(("push",), Path("/x"), 128, "no"),
    SetupFailed("make", 1, "no", timed_out=False),
    HookRefused("no"),
    FileNotFoundError(2, "none", "x"),
    ValueError("no"),
    KeyError("x"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failure_is_told_as_one_that_home_knows_whatever_is_changed_in_it(failure: Exception) -> None:
    honest = to_header(failure)
    assert isinstance(read_error("order", honest, b""), CROSSING)
    kinds = [
        *(
            "GitFailed",
            "SetupFailed",
            "HookRefused",
            "OSError",
            "SystemExit",
            "LaunchFailed",
            "NotItsTurn",
            "eval",
        )
    ]
    for at in places(honest):
        for evil in [*EVIL, *kinds]:
            try:
                assert isinstance(read_error("order", changed(honest, at, evil), b""), CROSSING)
            except Foreign as foreign:
                assert str(foreign).isprintable()


@calm
@given(json)
def test_any_json_as_a_failure_a_push_or_a_greeting_is_refused_or_taken(value: Any) -> None:
    for read_it in (
        lambda: read_error("order", value, b""),
        lambda: read_greeting(value),
        lambda: read_push(value if isinstance(value, dict) else {"push": value}, b"x"),
    ):
        try:
            read_it()
        except Foreign as foreign:
            assert str(foreign).isprintable()


@pytest.mark.parametrize(
    ("header", "blob"),
    [
        ({"push": "spool", "attempt": "../x", "start": 0}, b"x"),
        ({"push": "spool", "attempt": "t1.1", "start": -1}, b"x"),
        ({"push": "spool", "attempt": "t1.1", "start": True}, b"x"),
        ({"push": "spool", "attempt": "t1.1", "start": 1 << 60}, b"x"),
        ({"push": "spool", "attempt": "t1.1", "start": 0}, b""),
        ({"push": "spool", "attempt": "t1.1", "start": 0}, b"x" * 300_000),
        ({"push": "replaced", "attempt": "t1.1", "story": 1}, b""),
        ({"push": "command", "attempt": "t1.1", "start": 0}, b"x"),
        ({"push": "spool", "attempt": "t1.1", "start": 0, "id": 1}, b"x"),
    ],
)
def test_a_push_that_is_none_is_refused(header: dict[str, Any], blob: bytes) -> None:
    with pytest.raises(Foreign):
        read_push(header, blob)


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x00\x00\x00\x02\xff\xff\xff\xff{}",
        b"\x00\x00\x00\x02\x03\x00\x00\x00{}",
        b"\x00\x01\x00\x00\x00\x00\x00\x00" + b"[" * 65_536,
        b"\x00\x00\x00\x07\x00\x00\x00\x00" + b'{"a":NaN}'[:7],
        b"\x00\x00\x00\x09\x00\x00\x00\x00" + b'{"a":NaN}',
        b"\x00\x00\x00\x02\x00\x00\x00\x00[]",
        b"\x00\x00\x27\x16\x00\x00\x00\x00" + b'{"a":' + b"9" * 10_000 + b"}",
        b"\x00\x00\x00\x02\x00\x00\x00\x00\xff\xfe",
    ],
)
def test_a_frame_that_is_none_is_told_at_once_and_not_waited_for(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        Unpacker(answers.BLOB_BYTES_MAX).feed(frame)


@pytest.mark.parametrize(
    ("size", "sent"), [(5, b"ab"), (5, b""), (5, b"abcd"), (1 << 59, b"abc"), (1, b"abc")]
)
def test_a_piece_of_a_large_file_is_as_long_as_it_can_be(size: int, sent: bytes) -> None:
    """A byte at a time it would come for ever."""
    asked = {"offset": 2, "length": 10}
    assert read("lfs_get", asked, {"size": 5}, b"abc").blob == b"abc"
    with pytest.raises(Foreign, match="bytes with an answer to 'lfs_get'"):
        read("lfs_get", asked, {"size": size}, sent)


def test_the_border_knows_each_part_of_a_verdict() -> None:
    """The far end tells all of it; what the border does not know makes an honest host a distrusted one."""
    assert set(answers.Verdict.model_fields) == {one.name for one in fields(Verdict)}
