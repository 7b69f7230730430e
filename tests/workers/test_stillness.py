"""A program is still only when nothing of it does anything, nor can be told anything by anybody."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import until
from workers.stillness import Stillness
from workers.supervisor import Process, process_table

READY = "print('ready', flush=True)\n"


@contextmanager
def running(*argv: str) -> Iterator[Stillness]:
    """A program in a group of its own that has said one line."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline()
            yield Stillness(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def becomes_still(stillness: Stillness) -> None:
    clock = iter(range(1_000_000))
    until("it is still", lambda: stillness.lasted(float(next(clock))) >= 3.0)


def members(stillness: Stillness) -> list[Process]:
    return [row for row in process_table().values() if row.group == stillness._group]


def all_sleep(stillness: Stillness) -> bool:
    return all(row.state == b"S" for row in members(stillness))


@pytest.mark.parametrize(
    "script",
    ["echo; exec sleep 300", "echo; sleep 300 & wait", "mkfifo f; echo; read x <f", "echo; sleep 300; :"],
)
def test_what_waits_for_the_clock_or_for_nobody_is_still(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running("sh", "-c", script) as stillness:
        becomes_still(stillness)


@pytest.mark.parametrize(
    "script",
    ["echo; while :; do :; done", "echo; while sleep 0.01; do :; done", "echo; (while :; do :; done) | cat"],
)
def test_what_works_or_looks_again_and_again_is_not(script: str) -> None:
    with running("sh", "-c", script) as stillness:
        for now in range(12):
            begun = sum(os.times()[:2])
            while sum(os.times()[:2]) < begun + 0.02:  # it gets its turn, too: a processor is shared fairly
                pass
            assert stillness.lasted(float(now)) < 6.0


def test_what_may_yet_be_answered_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket\ns = socket.create_connection({server.getsockname()})\n{READY}s.recv(1)"
        with running(sys.executable, "-c", connect) as stillness:
            until("it waits for the answer", lambda: all_sleep(stillness))
            assert [stillness.lasted(float(now)) for now in range(5)] == [0.0] * 5


def test_what_waits_for_anothers_lock_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        wait = f"import fcntl, time\nf = open({str(lock)!r})\n{READY}fcntl.flock(f, fcntl.LOCK_EX)\ntime.sleep(300)"
        with running(sys.executable, "-c", wait) as stillness:
            until(
                "it waits", lambda: any("->" in line for line in Path("/proc/locks").read_text().splitlines())
            )
            assert [stillness.lasted(float(now)) for now in range(5)] == [0.0] * 5
            fcntl.flock(held, fcntl.LOCK_UN)
            becomes_still(stillness)


def test_what_has_ended_is_not() -> None:
    with running("echo") as stillness:
        until(
            "it has ended",
            lambda: not any(r.group == stillness._group and not r.ended for r in process_table().values()),
        )
        assert [stillness.lasted(float(now)) for now in range(3)] == [0.0] * 3
