"""The follower hands on every whole line of every spool exactly once, and one bad spool is only its own trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.spool import Batch, Follower, Record, SpoolReplaced, parse, parse_lines


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    with Follower(tmp_path) as made:
        yield made


def write(runs: Path, attempt: str, data: bytes) -> None:
    (runs / attempt).mkdir(exist_ok=True)
    with (runs / attempt / "spool").open("ab") as spool:
        spool.write(data)


def test_a_record_is_its_kind_its_time_and_its_payload_verbatim() -> None:
    assert parse(b"o 1795348768642 a  b\r\0\xff") == Record("o", 1795348768642, b"a  b\r\0\xff")
    assert parse(b"e 5 ") == Record("e", 5, b"")


@pytest.mark.parametrize(
    "line", [b"", b"o", b"o ", b"o 5", b"x 5 y", b"o -5 y", b"o  y", b"oo 5 y", b"o 5\xb2 y"]
)
def test_a_malformed_line_is_a_record_of_its_own_kind_with_all_of_it(line: bytes) -> None:
    assert parse(line) == Record("?", 0, line)


@given(st.binary())
def test_no_bytes_make_parsing_fail(line: bytes) -> None:
    assert parse(line).payload in line


def test_a_spool_that_does_not_exist_yet_is_followed_from_its_first_line(
    tmp_path: Path, follower: Follower
) -> None:
    follower.watch("t1.1")
    assert follower.poll() == []
    write(tmp_path, "t1.1", b"s 1 {}\no 2 a\n")
    assert follower.poll() == [Batch("t1.1", 0, 13, (Record("s", 1, b"{}"), Record("o", 2, b"a")))]
    assert follower.poll() == []


def test_a_torn_last_line_waits_until_it_is_whole(tmp_path: Path, follower: Follower) -> None:
    follower.watch("t1.1")
    write(tmp_path, "t1.1", b"o 1 whole\no 2 to")
    assert [batch.end for batch in follower.poll()] == [10]
    assert follower.poll() == []
    write(tmp_path, "t1.1", b"rn")
    assert follower.poll() == []
    write(tmp_path, "t1.1", b"\no 3 x\n")
    (batch,) = follower.poll()
    assert batch.records == (Record("o", 2, b"torn"), Record("o", 3, b"x"))


def test_following_goes_on_from_a_committed_offset(tmp_path: Path, follower: Follower) -> None:
    write(tmp_path, "t1.1", b"o 1 a\no 2 b\n")
    follower.watch("t1.1", 6)
    assert follower.poll() == [Batch("t1.1", 6, 12, (Record("o", 2, b"b"),))]
    follower.watch("t1.1", 0)
    assert len(follower.poll()[0].records) == 2


def test_an_attempt_forgotten_is_no_longer_told_of(tmp_path: Path, follower: Follower) -> None:
    follower.watch("t1.1")
    follower.forget("t1.1")
    follower.forget("t1.1")
    write(tmp_path, "t1.1", b"o 1 a\n")
    assert follower.poll() == []


def test_one_poll_is_bounded_but_gives_a_long_line_whole(tmp_path: Path) -> None:
    long = b"o 1 " + b"x" * 20_000_000 + b"\n"
    with Follower(tmp_path, attempt_bytes_max=100) as follower:
        follower.watch("t1.1")
        write(tmp_path, "t1.1", b"o 1 y\n" * 30 + long + b"o 2 z\n")
        batches = [batch for _ in range(6) for batch in follower.poll()]
    assert [len(batch.records) for batch in batches] == [16, 14, 1, 1]
    assert [batch.end - batch.start for batch in batches] == [96, 84, len(long), 6]


def test_a_long_line_that_comes_in_pieces_comes_out_whole(tmp_path: Path) -> None:
    with Follower(tmp_path, attempt_bytes_max=64) as follower:
        follower.watch("t1.1")
        for _ in range(20):
            write(tmp_path, "t1.1", b"o 1 " if _ == 0 else b"x" * 50)
            assert follower.poll() == []
        write(tmp_path, "t1.1", b"\n")
        (batch,) = follower.poll()
    assert batch.records == (Record("o", 1, b"x" * 950),)


def test_a_spool_shorter_than_its_offset_is_an_error_of_that_attempt_only(
    tmp_path: Path, follower: Follower
) -> None:
    write(tmp_path, "t1.1", b"o 1 a\n")
    write(tmp_path, "t2.1", b"o 1 b\n")
    for attempt in ("t1.1", "t2.1", "t3.1"):
        follower.watch(attempt, 0 if attempt == "t2.1" else 100)
    first, second, third = follower.poll()
    assert (first.attempt, first.start, first.end, first.records) == ("t1.1", 100, 100, ())
    assert isinstance(first.error, SpoolReplaced)
    assert "has only 6 bytes" in str(first.error)
    assert second.records == (Record("o", 1, b"b"),)
    assert isinstance(third.error, SpoolReplaced)
    assert follower.poll() == [], "told once; it is not followed until it is watched again"


def test_a_spool_replaced_by_another_file_is_an_error_even_when_that_is_longer(
    tmp_path: Path, follower: Follower
) -> None:
    write(tmp_path, "t1.1", b"o 1 a\n")
    follower.watch("t1.1")
    assert len(follower.poll()) == 1
    write(tmp_path, "other", b"o 1 something else\n")
    (tmp_path / "other" / "spool").rename(tmp_path / "t1.1" / "spool")
    (batch,) = follower.poll()
    assert isinstance(batch.error, SpoolReplaced)


@given(
    st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")), max_size=30),
    st.lists(st.integers(1, 60), min_size=1),
    st.integers(1, 100),
)
def test_however_the_bytes_arrive_every_line_comes_out_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], pieces: list[int], bytes_max: int
) -> None:
    runs = tmp_path_factory.mktemp("runs")
    data = b"".join(b"o 7 " + payload + b"\n" for payload in payloads)
    batches: list[Batch] = []
    with Follower(runs, attempt_bytes_max=bytes_max) as follower:
        follower.watch("t1.1")
        position = 0
        while position < len(data):
            size = pieces[position % len(pieces)]
            write(runs, "t1.1", data[position : position + size])
            position += size
            batches += follower.poll()
        while more := follower.poll():
            batches += more
    assert [record.payload for batch in batches for record in batch.records] == payloads
    assert [batch.start for batch in batches[1:]] == [batch.end for batch in batches[:-1]]
    assert all(batch.records == parse_lines(data[batch.start : batch.end]) for batch in batches)
