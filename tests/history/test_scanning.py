"""Transcripts are read piece by piece, and what cannot be read is told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fleet.history.ledger import Ledger
from fleet.history.scan import ConfigDir, scan
from tests.history.writing import Disk, FlatPrices, Line, answer, sums_of_answers, sums_told, text


def test_a_second_scan_reads_nothing(disk: Disk) -> None:
    disk.write("s1.jsonl", answer())
    assert disk.scan().files_read == 1
    again = disk.scan()
    assert (again.files, again.files_read, again.files_unchanged, again.lines) == (1, 0, 1, 0)


def test_a_file_that_grew_is_read_from_where_it_ended(disk: Disk) -> None:
    disk.write("s1.jsonl", answer("a"), "{broken}")
    assert disk.scan().broken == 0  # Nothing in it tells of usage: it is not looked at.
    disk.append("s1.jsonl", answer("b", second=1))
    result = disk.scan()
    assert (result.lines, result.bytes) == (1, len(text(answer("b", second=1))) + 1)
    assert (result.answers_new, result.answers_updated) == (1, 0)
    assert disk.outputs() == [100, 100]


def test_a_later_copy_that_comes_with_the_next_scan_corrects_answer_and_sums(disk: Disk) -> None:
    disk.write("s1.jsonl", answer(output=3))
    disk.scan()
    disk.append("s1.jsonl", answer(output=500, second=59))
    result = disk.scan()
    assert (result.answers_new, result.answers_updated) == (0, 1)
    assert disk.ask("SELECT sum(output), sum(answers), round(sum(cost_usd), 2) FROM quarters") == [
        (500, 1, 5.0)
    ]
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)


def test_a_chain_without_ids_goes_on_over_two_scans(disk: Disk) -> None:
    disk.write("s1.jsonl", answer(None, None, output=1, uuid="u1"))
    disk.scan()
    disk.append("s1.jsonl", answer(None, None, output=70, second=1, uuid="u2", parent="u1"))
    disk.scan()
    assert disk.outputs() == [70]


def test_a_truncated_last_line_waits(disk: Disk) -> None:
    whole = text(answer("b", second=1))
    disk.write("s1.jsonl", answer("a"))
    disk.append("s1.jsonl", whole[:80], end="")
    result = disk.scan()
    assert (disk.outputs(), result.broken, result.lines) == ([100], 0, 1)
    disk.append("s1.jsonl", whole[80:])
    result = disk.scan()
    assert (disk.outputs(), result.broken, result.lines) == ([100, 100], 0, 1)


def test_a_whole_last_line_counts_without_its_newline_and_only_once(disk: Disk) -> None:
    disk.write("s1.jsonl")
    disk.append("s1.jsonl", answer("a"), end="")
    disk.scan()
    assert disk.outputs() == [100]
    disk.append("s1.jsonl", "", answer("b", second=1))
    disk.scan()
    assert disk.outputs() == [100, 100]


@pytest.mark.parametrize("how", ["shorter", "longer", "same size", "renamed over"])
def test_a_file_that_was_replaced_is_read_anew_and_what_was_counted_stays(disk: Disk, how: str) -> None:
    path = disk.write("s1.jsonl", answer("a1", output=11), answer("a2", output=12, second=1))
    disk.scan()
    new = [
        answer("b1", output=21, second=2),
        answer("b2", output=22, second=3),
        answer("b3", output=23, second=4),
    ]
    kept = {"shorter": 1, "longer": 3, "same size": 2, "renamed over": 3}[how]
    body = "".join(text(line) + "\n" for line in new[:kept])
    if how == "renamed over":
        other = disk.root / "other"
        other.write_text(body)
        other.replace(path)
    else:
        path.write_text(body)
        os.utime(path, ns=(1, 1))
    disk.scan()
    assert disk.outputs() == [11, 12, 21, 22, 23][: 2 + kept]


def test_answers_outlive_their_transcript(disk: Disk) -> None:
    path = disk.write("s1.jsonl", answer())
    disk.scan()
    path.unlink()
    result = disk.scan()
    assert (result.files, result.files_vanished, disk.outputs()) == (0, 1, [100])


def test_broken_lines_are_told_with_place_and_reason_and_hide_nothing(disk: Disk) -> None:
    torn = text(answer("t"))[:-20]
    body: list[Line | str] = [
        answer("a"),
        torn,
        "\0" * 50,
        "",
        torn + text(answer("behind", output=7)),
        "  " + text(answer("b", second=1)) + "\r",
    ]
    path = disk.write("s1.jsonl", *body)
    result = disk.scan()
    assert disk.outputs() == [7, 100, 100]
    first = len(text(answer("a"))) + 1
    assert result.broken == 3
    assert [line.offset for line in result.broken_lines][:2] == sorted((first, first + len(torn) + 1))
    assert {line.path for line in result.broken_lines} == {str(path)}
    assert all("JSON" in line.why for line in result.broken_lines)
    assert disk.ask("SELECT broken FROM files") == [(3,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("timestamp", "yesterday"), ("timestamp", None), ("timestamp", "1969-01-01T00:00:00Z")],
)
def test_an_answer_that_cannot_be_dated_is_told_as_broken(disk: Disk, field: str, value: object) -> None:
    disk.write("s1.jsonl", answer() | {field: value})
    result = disk.scan()
    assert (result.broken, disk.outputs()) == (1, [])


def test_the_number_of_broken_lines_told_one_by_one_is_bounded(disk: Disk) -> None:
    disk.write("s1.jsonl", *["garbage"] * 500)
    result = disk.scan()
    assert result.broken == 500
    assert 0 < len(result.broken_lines) <= 100


def test_lines_longer_than_a_block_are_read(disk: Disk) -> None:
    disk.write("s1.jsonl", {"type": "user", "content": "x" * 3_000_000}, answer("a", note="y" * 2_500_000))
    result = disk.scan()
    assert (result.lines, disk.outputs()) == (2, [100])


def test_unreadable_places_are_told_and_the_rest_is_read(disk: Disk, tmp_path: Path) -> None:
    disk.write("s1.jsonl", answer())
    disk.path("gone.jsonl").symlink_to(tmp_path / "nowhere")
    disk.dirs.append(ConfigDir(str(tmp_path / "missing"), "x"))
    result = disk.scan()
    assert disk.outputs() == [100]
    assert sorted(Path(u.path).name for u in result.unreadable) == ["gone.jsonl", "missing"]


def test_a_file_that_cannot_be_read_is_not_called_unchanged(disk: Disk) -> None:
    disk.write("s1.jsonl", answer())
    disk.scan()
    # A regular file whose beginning nobody can read, root included.
    disk.path("s2.jsonl").symlink_to("/proc/self/mem")
    result = disk.scan()
    assert (result.files, result.files_read, result.files_unchanged) == (2, 0, 1)
    assert [Path(told.path).name for told in result.unreadable] == ["s2.jsonl"]


def test_links_that_lead_in_circles_end(disk: Disk) -> None:
    path = disk.write("s1.jsonl", answer())
    (path.parent / "loop").symlink_to(path.parent.parent)
    disk.scan()
    assert disk.outputs() == [100]


def test_a_pipe_among_the_transcripts_is_left_alone(disk: Disk) -> None:
    disk.write("s1.jsonl", answer())
    os.mkfifo(disk.path("pipe.jsonl"))
    assert disk.scan().files == 1


def test_two_scans_at_once_come_to_what_one_does(disk: Disk) -> None:
    for n in range(20):
        disk.write(f"s{n}.jsonl", *(answer(f"m{n}-{i}", session=f"s{n}", second=i) for i in range(20)))

    def one() -> None:
        with Ledger(disk.ledger.path) as ledger:
            scan(ledger, disk.dirs, FlatPrices())

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(disk.outputs()) == 400
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)


def test_new_prices_change_all_costs_with_the_next_scan(disk: Disk) -> None:
    disk.write("s1.jsonl", answer("a"), answer("b", second=1))
    disk.scan()
    disk.scan(FlatPrices("dearer", usd=0.5))
    assert disk.ask("SELECT sum(cost_usd) FROM answers") == [(100.0,)]
    assert disk.ask("SELECT sum(cost_usd) FROM sessions") == [(100.0,)]
