"""Whatever is written, moved and scanned in between: the ledger comes to what one scan of the final files comes to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.history.writing import Disk, Line, answer, sums_of_answers, sums_told, text, told

FILES = ("s0.jsonl", "s1.jsonl", "s0/subagents/agent-a.jsonl")
ODD = ("", "garbage", '{"type":"user"}', '{"type":"assistant","message":{"usage":{"output_tokens"')


@st.composite
def lines(draw: st.DrawFn) -> Line | str:
    """A copy of one of few answers, so that copies meet; or something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(
            st.sampled_from(
                ["", "garbage", '{"type":"user"}', '{"type":"assistant","message":{"usage":{"output_tokens"']
            )
        )
    number, copy = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    message, request = draw(
        st.sampled_from([(f"m{number}", f"r{number}"), (f"m{number}", None), ("m", f"r{number}")])
    )
    side = draw(st.booleans())
    return answer(
        message,
        request,
        output=copy * 10 + 1,
        second=number * 9 + copy,
        session=draw(st.sampled_from(["s0", "s1"])),
        usage={"input_tokens": number + 1},
        isSidechain=side,
    )


writes = st.tuples(
    st.sampled_from(["append", "tear", "scan"]), st.sampled_from(FILES), st.lists(lines(), max_size=4)
)


def _do(disk: Disk, act: str, name: str, written: list[Line | str], scans: bool) -> None:
    """`tear`: the last line is cut, scanned, and ended later."""
    if act == "scan":
        if scans:
            disk.scan()
    elif act == "append" and written:
        disk.append(name, *written)
    elif act == "tear" and written:
        whole = "\n".join(map(text, written))
        disk.append(name, whole[: len(whole) // 2], end="")
        if scans:
            disk.scan()
        disk.append(name, whole[len(whole) // 2 :])


def _ledger_after(
    root: Path, acts: list[tuple[str, str, list[Line | str]]], *, scans: bool
) -> tuple[object, object]:
    disk = Disk(root)
    for act, name, written in acts:
        _do(disk, act, name, written, scans)
    disk.scan()
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
    found = told(disk.ledger), disk.ask("SELECT sum(broken) FROM files")
    disk.ledger.close()
    return found


@settings(max_examples=30)
@given(st.lists(writes, max_size=12))
def test_many_scans_come_to_what_one_comes_to(acts: list[tuple[str, str, list[Line | str]]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        home = Path(root) / "home"  # The same twice, for its name decides between equals.
        found = []
        for scans in (True, False):
            home.mkdir()
            found.append(_ledger_after(home, acts, scans=scans))
            shutil.rmtree(home)
    assert found[0] == found[1]


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(FILES), lines()), max_size=20), st.permutations(FILES))
def test_the_order_of_files_does_not_matter(written: list[tuple[str, Line | str]], order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        home = Path(root) / "home"
        found = []
        for names in (FILES, order):
            home.mkdir()
            disk = Disk(home)
            for name in names:
                disk.write(name, *(line for file, line in written if file == name))
                disk.scan()
            found.append(told(disk.ledger))
            disk.ledger.close()
            shutil.rmtree(home)
    assert found[0] == found[1]
