"""One odd line or file name never stops a scan: it is counted, told and skipped, and what is beside it counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.cli import main
from fleet.history.reports.choice import Choice
from fleet.history.reports.uses import BY_TIME, BY_WHAT, uses
from tests.history.writing import Disk, answer, sums_of_answers, sums_told, text

ODD_NUMBERS = [
    "1e19",
    str(10**19),
    str(2**63),
    str(2**63 - 1),
    "-1",
    "5.5",
    "true",
    '"5"',
    "[5]",
    "NaN",
    "-Infinity",
    "1e999",
]


def with_number(number: str, field: str = "input_tokens") -> str:
    """An answer whose usage says so."""
    return text(answer("odd", second=1, usage={field: 424242})).replace("424242", number)


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_a_number_that_cannot_be_is_told_and_its_neighbours_count(disk: Disk, number: str) -> None:
    lifetime = text(answer("odd", second=2, usage={"cache_creation": {"ephemeral_1h_input_tokens": 424242}}))
    disk.write(
        "s1.jsonl",
        answer("a"),
        with_number(number),
        lifetime.replace("424242", number),
        answer("b", second=3),
    )
    result = disk.scan()
    assert (disk.outputs(), result.broken, len(result.broken_lines)) == ([100, 100], 2, 2)
    assert result.unreadable == ()


@pytest.mark.parametrize("number", ["5.0", "5e0", "50e-1"])
def test_a_whole_number_counts_however_it_is_written(disk: Disk, number: str) -> None:
    disk.write("s1.jsonl", with_number(number))
    assert disk.scan().broken == 0
    assert disk.ask("SELECT input FROM answers") == [(5,)]


ODD_TIMES = [
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2100-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-20T10:00:00",
    "20/11/2026",
    "",
    1_790_000_000_000,
    {"at": 1},
]


@pytest.mark.parametrize("at", ODD_TIMES)
def test_a_time_that_no_report_could_place_is_told_and_all_reports_go_on(disk: Disk, at: object) -> None:
    limits = {"rateLimitType": "five_hour", "status": "rejected", "resetsAt": 1e300, "utilization": -3}
    disk.write(
        "s1.jsonl",
        answer("a"),
        answer("odd") | {"timestamp": at},
        answer("e", model="<synthetic>", quotaLimits=limits) | {"timestamp": at},
        answer("f", model="<synthetic>", quotaLimits=limits),
    )
    result = disk.scan()
    assert (disk.outputs(), result.broken >= 1) == ([100], True)
    assert disk.ask("SELECT utilization, resets_at_ms FROM readings") == [(None, None)]
    for by in (*BY_TIME, *BY_WHAT):
        assert [row.answers for row in uses(disk.ledger.connection, by, Choice())] == [1]


def test_names_that_are_no_text_are_read_told_and_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In file, folder and config directory; also with the end of a line in them."""
    folder = tmp_path / os.fsdecode(b"\xffdir") / "projects" / os.fsdecode(b"-r\n\xfe")
    folder.mkdir(parents=True)
    for n, name in enumerate((b"\xff\xfe.jsonl", b"\xff.jsonl", b"a\nb.jsonl", b"plain.jsonl")):
        line = answer(f"m{n}", second=n)
        del line["sessionId"], line["cwd"]
        (folder / os.fsdecode(name)).write_text(text(line) + "\ngarbage\n")
    (folder / os.fsdecode(b"gone\n\xff.jsonl")).symlink_to("nowhere")
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    words = ["history", "scan", "--config-dir", str(folder.parents[1])]
    assert main([*words, "--account", "work"]) == 0
    printed = capsys.readouterr()
    assert "4 new answers" in printed.out and printed.out.count("\n") == 4
    assert printed.err.count("broken: ") == 4 and printed.err.count("\n") == 5
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files_unchanged"], told["files_read"], told["files_vanished"]) == (4, 0, 0)
    assert main(["history", "--by", "session", "--json"]) == 0
    assert len({row["key"] for row in json.loads(capsys.readouterr().out)}) == 4
    assert main(["history", "--by", "account", "--json"]) == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == ["work"]


@pytest.mark.parametrize(
    "tear", [text(answer("t"))[:90], text(answer("t"))[:-1], "\0" * 5000, '{"a":"\\', "[[[", "}}"]
)
def test_a_torn_line_gives_up_the_record_behind_the_tear(disk: Disk, tear: str) -> None:
    disk.write("s1.jsonl", answer("a"), tear + text(answer("b", second=1)), answer("c", second=2))
    result = disk.scan()
    assert (disk.outputs(), result.broken) == ([100, 100, 100], 1)
    assert "whole records in it, which count: 1" in result.broken_lines[0].why


def test_a_lost_line_end_loses_no_record(disk: Disk) -> None:
    """The last line had none when the client died, and the next record was written behind it."""
    disk.write("s1.jsonl")
    disk.append("s1.jsonl", answer("a"), end="")
    disk.scan()
    disk.append("s1.jsonl", answer("b", second=1), end="")
    disk.append("s1.jsonl", answer("c", second=2), text(answer("d", second=3))[:60])
    result = disk.scan()
    assert (disk.outputs(), result.broken) == ([100, 100, 100], 2)


def test_what_a_torn_record_tells_of_others_is_no_answer(disk: Disk) -> None:
    """A progress record repeats a subagent's answer, whole."""
    inner = {
        "type": "assistant",
        "timestamp": answer()["timestamp"],
        "message": answer("p")["message"],
        "requestId": "r",
    }
    progress = text({"type": "progress", "data": {"message": inner}, "uuid": "u"})
    disk.write("s1.jsonl", progress[:-12], answer("a"))
    result = disk.scan()
    assert (disk.outputs(), result.broken) == ([100], 1)


def test_deep_nesting_a_byte_order_mark_and_other_line_ends(disk: Disk) -> None:
    deep = text(answer("deep"))[:-1] + ',"x":' + "[" * 200_000 + "]" * 200_000 + "}"
    disk.path("s1.jsonl").write_bytes(
        b"\xef\xbb\xbf"
        + text(answer("a")).encode()
        + b"\r\n"
        + deep.encode()
        + b"\r\n\r\n"
        + text(answer("b", second=1)).encode()
        + b"\r\n"
    )
    result = disk.scan()
    assert (disk.outputs(), result.broken) == ([100, 100], 1)


def test_a_key_that_comes_twice_counts_once(disk: Disk) -> None:
    disk.write(
        "s1.jsonl", text(answer(output=3)).replace('"output_tokens":3', '"output_tokens":3,"output_tokens":7')
    )
    assert (disk.scan().broken, disk.outputs()) == (0, [7])


def test_a_line_too_long_for_memory_is_skipped_and_told(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.history.transcripts.incremental.LINE_BYTES_MAX", 2 << 20)
    disk.write("s1.jsonl", answer("a"), "\0" * (5 << 20), answer("b", second=1))
    with disk.path("s2.jsonl").open("wb") as file:
        file.truncate(5 << 20)
    result = disk.scan()
    assert (disk.outputs(), result.broken, result.lines) == ([100, 100], 1, 3)
    assert "a line of 5,242,881 bytes" in result.broken_lines[0].why


def test_what_stands_where_a_transcript_should_is_told(disk: Disk) -> None:
    """A directory, a link to itself, one that is gone, and a file in place of `projects`."""
    disk.write("s1.jsonl", answer())
    disk.path("folder.jsonl").mkdir()
    disk.path("loop.jsonl").symlink_to(disk.path("loop.jsonl"))
    (disk.root / "flat").mkdir()
    (disk.root / "flat" / "projects").write_text("x")
    disk.dirs.append(type(disk.dirs[0])(str(disk.root / "flat"), "flat"))
    result = disk.scan()
    assert disk.outputs() == [100]
    assert sorted(Path(one.path).name for one in result.unreadable) == ["loop.jsonl", "projects"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(2**64),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = sorted(
    {*answer("a", "r", uuid="u", parent="p"), "isSidechain", "agentId", "quotaLimits", "forkedFrom"}
)
USAGE = [
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation",
]


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """An answer with one field that is anything, or bytes changed, cut or put before."""
    line: dict[str, Any] = answer("odd", "odd", second=draw(st.integers(0, 59)))
    value = draw(JSON)
    where = draw(st.sampled_from(["field", "usage", "limits", "bytes"]))
    if where == "field":
        line[draw(st.sampled_from(FIELDS))] = value
    elif where == "usage":
        line["message"]["usage"][draw(st.sampled_from(USAGE))] = value
    elif where == "limits":
        line |= {
            "isApiErrorMessage": True,
            "quotaLimits": {"rateLimitType": "five_hour", "resetsAt": value, "utilization": value},
        }
    body = text(line).encode()
    if where == "bytes":
        at = draw(st.integers(0, len(body)))
        body = (
            draw(st.binary(max_size=4))
            + body[:at]
            + draw(st.binary(max_size=9))
            + body[at + draw(st.integers(0, 9)) :]
        )
    return body.replace(b"\n", b" ")


@settings(max_examples=30, deadline=None)
@given(st.lists(odd_lines(), min_size=1, max_size=3))
def test_whatever_stands_in_a_line_all_others_count(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    disk = Disk(tmp_path_factory.mktemp("odd"))
    try:
        whole = [
            text(answer(f"m{n}", f"r{n}", output=9000 + n, second=n)).encode() for n in range(len(lines) + 1)
        ]
        body = (
            whole[0]
            + b"\n"
            + b"".join(line + b"\n" + after + b"\n" for line, after in zip(lines, whole[1:], strict=True))
        )
        disk.path("s1.jsonl").write_bytes(body)
        result = disk.scan()
        assert result.unreadable == ()
        assert {9000 + n for n in range(len(whole))} <= set(disk.outputs())
        assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
        for by in (*BY_TIME, *BY_WHAT):
            uses(disk.ledger.connection, by, Choice())
    finally:
        disk.ledger.close()
