"""Who asks is told by the processes themselves; where that cannot be, nobody is obeyed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.shell.asker import Asker, Doorkeeper
from workers.supervisor import read_process

HOME = "abc123"


@contextmanager
def process(env: dict[str, str], *argv: str) -> Iterator[int]:
    """One that says when it has begun, and ends with the block; its last line is the pid to ask about."""
    words = argv or (sys.executable, "-c", "import os; print(os.getpid(), flush=True); input()")
    with subprocess.Popen(
        words,
        env={"PATH": os.environ["PATH"], **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        try:
            yield int(started.stdout.readline())
        finally:
            started.kill()


@pytest.fixture
def keeper(tmp_path: Path) -> Doorkeeper:
    return Doorkeeper(HOME, tmp_path / "runs")


@pytest.mark.parametrize(
    ("mark", "ours"), [(f"t1.1@{HOME}", True), (f"check-t1@{HOME}", True), ("t1.1@other", False), ("", False)]
)
def test_only_the_marks_of_this_home_make_a_worker(keeper: Doorkeeper, mark: str, ours: bool) -> None:
    """A person may work on Fleet itself with a fleet: its tests have homes of their own."""
    with process({"FLEET_RUN": mark} if mark else {}) as pid:
        refused = keeper.refusal(Asker(pid))
    assert bool(refused) == ours
    assert not ours or mark.partition("@")[0] in refused


def test_a_clean_environment_does_not_hide_an_ancestor(keeper: Doorkeeper) -> None:
    inner = "env -i sh -c 'echo $$; read x; true'; true"
    with process({"FLEET_RUN": f"t7.2@{HOME}"}, "sh", "-c", inner) as pid:
        assert "part of t7.2" in keeper.refusal(Asker(pid))


def test_what_descends_from_the_coordinator_is_its_own_and_the_coordinator_itself_is_not(
    tmp_path: Path,
) -> None:
    keeper = Doorkeeper(HOME, tmp_path, coordinator=os.getpid())
    with process({}) as pid:
        assert "a command that the coordinator runs" in keeper.refusal(Asker(pid))
    assert keeper.refusal(Asker(os.getpid())) == ""


def test_a_supervisor_is_known_by_its_run_and_another_homes_is_not(tmp_path: Path) -> None:
    """Its memory is closed, so its environment says nothing."""
    (tmp_path / "runs").mkdir()
    program = tmp_path / "runs" / ".supervisor-0123.py"
    program.write_text("import os; print(os.getpid(), flush=True); input()")
    with process({}, sys.executable, str(program), str(tmp_path / "runs" / "t3.1")) as pid:
        assert "part of t3.1" in Doorkeeper(HOME, tmp_path / "runs").refusal(Asker(pid))
        assert Doorkeeper(HOME, tmp_path / "other").refusal(Asker(pid)) == ""


def test_a_process_that_has_ended_or_whose_number_was_given_away_is_refused(keeper: Doorkeeper) -> None:
    with process({}) as pid:
        row = read_process(pid)
        assert row is not None
        assert keeper.refusal(Asker(pid, row.start_ticks)) == ""
        assert "it cannot be told who asks" in keeper.refusal(Asker(pid, row.start_ticks - 1))
    assert "it cannot be told who asks" in keeper.refusal(Asker(pid))
    assert "it cannot be told who asks" in keeper.refusal(None)


def test_the_other_end_of_a_connection_is_told_by_the_system(keeper: Doorkeeper, tmp_path: Path) -> None:
    ask = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect('s')\n"
    ask += "print(os.getpid(), flush=True); input()"
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(tmp_path)
        listening.bind("s")
        listening.listen()
        with process({"FLEET_RUN": f"t1.1@{HOME}"}, sys.executable, "-c", ask) as pid:
            connection, _ = listening.accept()
            with connection:
                asker = keeper.see(connection)
                assert asker is not None and asker.pid == pid
                assert "part of t1.1" in keeper.refusal(asker)
