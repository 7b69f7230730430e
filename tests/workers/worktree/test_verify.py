"""The gate: open only when every command succeeded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, ever_longer, until
from workers.verify import verify


def test_all_commands_must_succeed(tmp_path: Path) -> None:
    assert verify(["true", "echo fine"], tmp_path, {}, PATIENCE_S).ok
    assert verify([], tmp_path, {}, PATIENCE_S).ok
    shut = verify(["true", "echo wrong; exit 3", "touch never"], tmp_path, {}, PATIENCE_S)
    assert (shut.ok, shut.command, shut.code, shut.output_tail) == (False, "echo wrong; exit 3", 3, "wrong\n")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("no-such-command", 127, "not found"),
        ("kill -9 $$", -9, "signal 9"),
        ("kill -TERM $$", -15, "signal 15"),
    ],
)
def test_doubt_keeps_it_shut(tmp_path: Path, command: str, code: int, said: str) -> None:
    verdict = verify([command], tmp_path, {}, PATIENCE_S)
    assert (verdict.ok, verdict.code) == (False, code)
    assert said in verdict.output_tail


def test_a_place_that_is_missing_keeps_it_shut(tmp_path: Path) -> None:
    verdict = verify(["true"], tmp_path / "gone", {}, PATIENCE_S)
    assert (verdict.ok, verdict.code) == (False, None)
    assert "could not start" in verdict.output_tail


def test_a_command_that_takes_too_long_is_stopped_even_if_it_will_not_listen(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo $$ > p; mv p pid; while :; do sleep 0.05; done"
    for limit_s in ever_longer(until=(tmp_path / "pid").exists):
        verdict = verify([deaf], tmp_path, {}, limit_s)
        assert not verdict.ok and f"stopped after {limit_s:g} s" in verdict.output_tail
    assert not alive(int((tmp_path / "pid").read_text()))


def test_what_a_command_left_running_is_ended_and_does_not_hold_up_the_verdict(tmp_path: Path) -> None:
    verdict = verify(["sleep 1000 & echo $! > pid; echo done"], tmp_path, {}, PATIENCE_S)
    assert verdict.ok
    left = int((tmp_path / "pid").read_text())
    until("what was left has ended", lambda: not alive(left))


def test_the_marker_reaches_the_command_and_the_log_has_everything(tmp_path: Path) -> None:
    log = tmp_path / "verify.txt"
    verify(["echo $FLEET_RUN", "seq 1 20000"], tmp_path, {"FLEET_RUN": "t1.1@home"}, PATIENCE_S, log)
    text = log.read_text()
    assert text.startswith("$ echo $FLEET_RUN\nt1.1@home\n$ seq 1 20000\n1\n")
    assert text.endswith("20000\n")


def test_the_end_of_long_output_is_what_is_shown(tmp_path: Path) -> None:
    verdict = verify(["seq 1 100000; exit 1"], tmp_path, {}, PATIENCE_S)
    assert verdict.output_tail.endswith("100000\n") and len(verdict.output_tail) <= 16_000


def test_a_log_that_cannot_be_written_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        verify(["seq 1 100000"], tmp_path, {}, PATIENCE_S, Path("/dev/full"))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
