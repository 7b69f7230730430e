"""One holder of a home at a time, known by name, and never longer than it lives."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.home import Home
from fleet.shell import homelock
from fleet.views.light.running import coordinator
from tests.patience import PATIENCE_S, naps, until

HOLD = """
import sys, time
from pathlib import Path
from fleet.home import Home
from fleet.shell import homelock
with homelock.hold(Home(Path(sys.argv[1])), sys.argv[2] or None):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holder(home: Home, socket: str = "/there/control.sock") -> Iterator[subprocess.Popen[bytes]]:
    """A real process that holds the home until its standard input closes, or it is killed."""
    command = [sys.executable, "-c", HOLD, str(home.root), socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_second_is_refused_at_once_and_told_who_holds_it(home: Home) -> None:
    with (
        another_holder(home) as process,
        pytest.raises(homelock.HomeHeld) as refused,
        homelock.hold(home, patience_s=PATIENCE_S),
    ):
        raise AssertionError("two hold it")
    story = str(refused.value)
    assert str(home.root) in story
    assert f"process {process.pid}, since 20" in story
    assert "fleet down" in story


def test_the_holder_is_known_while_it_lives(home: Home) -> None:
    assert homelock.holder(home) is None
    with another_holder(home) as process:
        found = homelock.holder(home)
        assert found is not None
        assert (found.pid, found.socket) == (process.pid, "/there/control.sock")
        shown = coordinator(home.root)
        assert shown is not None
        assert shown["pid"] == process.pid
    assert homelock.holder(home) is None
    assert coordinator(home.root) is None


def test_a_lock_that_was_deleted_under_its_holder_lets_nobody_else_in(home: Home) -> None:
    """A second coordinator, or a short command, would write past the first."""
    with another_holder(home) as process:
        home.lock.unlink()
        for patience_s in (0.0, PATIENCE_S):
            with pytest.raises(homelock.HomeHeld), homelock.hold(home, patience_s=patience_s):
                raise AssertionError("two hold it")
        process.kill()
        process.wait()
    with homelock.hold(home):
        assert homelock.holder(home) is not None


def test_the_lock_dies_with_a_holder_that_was_killed(home: Home) -> None:
    """kill -9 leaves nothing that anybody would have to clean up."""
    with another_holder(home) as process:
        process.kill()
        process.wait()
    assert "pid" in home.lock.read_text(), "it had no chance to clear its name"
    assert homelock.holder(home) is None
    with homelock.hold(home):
        found = homelock.holder(home)
        assert found is not None
        assert found.pid == os.getpid()


def test_a_short_command_is_waited_for_and_a_coordinator_is_not_seen_in_it(home: Home) -> None:
    with another_holder(home, socket="") as process:
        assert coordinator(home.root) is None
        with pytest.raises(homelock.HomeHeld, match=f"process {process.pid}"), homelock.hold(home):
            pass
        assert process.stdin is not None
        process.stdin.close()
        with homelock.hold(home, patience_s=PATIENCE_S):
            pass


def test_who_only_looks_keeps_nobody_from_the_home_however_long_that_takes(home: Home) -> None:
    """As `fleet status` on a machine so busy that it stands still in the middle of its look."""
    home.make()
    home.lock.touch()
    command = [sys.executable, "-c", HOLD, str(home.root), ""]
    with home.lock.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

            def has_tried_often() -> bool:
                assert process.poll() is None, "it was refused"
                return naps(process.pid) > 100

            until("it has tried a hundred times", has_tried_often)
            fcntl.flock(looking, fcntl.LOCK_UN)
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            process.kill()


def test_two_homes_do_not_hold_each_other(tmp_path: Path) -> None:
    with homelock.hold(Home(tmp_path / "a")), homelock.hold(Home(tmp_path / "b")):
        pass


def test_the_home_is_readable_by_its_owner_only(home: Home) -> None:
    with homelock.hold(home):
        assert home.root.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_holder_that_has_not_said_who_it_is_is_unknown_but_holds(home: Home, text: str) -> None:
    with homelock.hold(home):
        home.lock.write_text(text)
        assert homelock.holder(home) is None
        with pytest.raises(homelock.HomeHeld, match="another process"), homelock.hold(home):
            pass
