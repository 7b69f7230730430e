"""Processes of a run are found by their marker and ended; everybody else's are left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.supervision.yard import is_gone
from workers.processes import find, started_group, sweep

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
)
MEEK = "import time; print(flush=True); time.sleep(600)"


@contextlib.contextmanager
def process(code: str, marker: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"FLEET_RUN": marker}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


@pytest.fixture
def home() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize("handles", [True, False], ids=["handles", "an older kernel"])
def test_only_the_processes_of_exactly_this_run_are_ended(
    tmp_path: Path, home: str, handles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not handles:
        monkeypatch.delattr(os, "pidfd_open")
    with (
        process(MEEK, f"t1.1@{home}") as ours,
        process(DEAF, f"t1.1@{home}") as deaf,
        process(MEEK, f"t1.1@{home}0") as other_home,
        process(MEEK, f"t1.10@{home}") as other_attempt,
    ):
        assert sweep(f"t1.1@{home}", spool_path=tmp_path / "spool") == tuple(sorted((ours.pid, deaf.pid)))
        assert (ours.wait(), deaf.wait()) == (-signal.SIGTERM, -signal.SIGKILL)
        assert not is_gone(other_home.pid)
        assert not is_gone(other_attempt.pid)
        assert sweep(f"t1.1@{home}", spool_path=tmp_path / "spool") == ()


def test_a_child_with_a_clean_environment_is_found_through_its_parent(home: str) -> None:
    code = f"""if True:
        import subprocess, sys
        subprocess.run([sys.executable, '-c', {MEEK!r}], env={{}})
    """
    with process(code, f"t1.1@{home}") as parent:
        found = find(f"t1.1@{home}")
        assert parent.pid in found
        assert len(found) == 2
        sweep(f"t1.1@{home}", spool_path=Path("none"))
        assert all(is_gone(pid) for pid in found - {parent.pid})


@pytest.mark.parametrize(
    ("spool", "group"),
    [
        (b's 5 {"event": "started", "pid": 77, "pgid": 77}\n', 77),
        (b's 5 {"event": "exit"}\n', None),
        (b"s 5 {torn", None),
        (b"s 5 [1]\n", None),
        (b"o 5 {}\n", None),
        (b"", None),
    ],
)
def test_where_there_is_no_proc_the_group_comes_from_the_start_record(
    tmp_path: Path, spool: bytes, group: int | None
) -> None:
    (tmp_path / "spool").write_bytes(spool)
    assert started_group(tmp_path / "spool") == group
    assert started_group(tmp_path / "missing") is None
