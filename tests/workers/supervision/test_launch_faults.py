"""A fault at each call of a launch: whatever comes of it, a worktree never has two clients, and none is nobody's."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import until
from tests.sizes import large
from tests.workers.supervision.yard import Yard
from workers import supervisor
from workers.host import LaunchFailed, LocalHost
from workers.orders import RunSpec, Stop

# Launches t1.1 and, as a coordinator does, t1.2 in the same worktree when that failed; the same again when that is not
# known. The fault comes once, before or after the n-th call into the system. It prints which attempt is launched.
LAUNCHER = """
import os, signal, subprocess, sys
from pathlib import Path
from workers.host import LaunchFailed, LocalHost
from workers.orders import Grace, RunSpec

folder, home_id, how, number, client = sys.argv[1:6]
left = [int(number)]
SYSTEM = ("posix", "fcntl", "_posixsubprocess", "select", "_io", "io")

HARMLESS = ("fspath", "text_encoding", "fileno", "WIFSTOPPED", "waitstatus_to_exitcode")

def of_the_system(called):
    owner = type(getattr(called, "__self__", None)).__module__  # a method of a file, say
    return (getattr(called, "__module__", None) or owner) in SYSTEM

def fault(frame, event, called):
    if event not in ("c_call", "c_return") or not of_the_system(called) or called.__name__ in HARMLESS:
        return
    left[0] -= 1
    if left[0] == 0:
        sys.setprofile(None)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "timeout":
            raise subprocess.TimeoutExpired("supervisor", 20)
        raise OSError(28, "injected")

host = LocalHost(Path(folder, "runs"), home_id)
argv = (sys.executable, "-I", "-S", "-u", "-c", client)
spec = RunSpec(argv, folder, {"PATH": os.environ["PATH"]}, secret_fd=7, grace=Grace(20.0, 20.0))
attempt = "t1.1"
host._program()  # compiled beforehand, as by the launch before
sys.setprofile(fault)
while True:
    try:
        host.launch(attempt, spec, b"secret")
        break
    except LaunchFailed:
        attempt = "t1.2"
    except OSError:
        pass  # nothing is known: the coordinator performs the same start again
    except subprocess.TimeoutExpired:
        pass
    finally:
        sys.setprofile(None)
print(attempt, left[0])
"""
# One at a time may have the worktree, and says so; it then listens, as a client between two turns.
CLIENT = """
import fcntl, os, sys
lock = open("one-client-at-a-time", "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    open("two-clients", "w").close()
open("clients", "a").write("x")
sys.stdin.read()
"""


def launched(yard: Yard, folder: Path, how: str, number: int) -> tuple[str, bool] | None:
    """The attempt, and whether the fault came; None when the launcher was killed."""
    words = [sys.executable, "-c", LAUNCHER, str(folder), yard.host.home_id, how, str(number), CLIENT]
    ended = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=Path(supervisor.__file__).parents[1]
    )
    if ended.returncode == -signal.SIGKILL:
        return None
    assert ended.returncode == 0, ended.stderr
    attempt, left = ended.stdout.split()
    return attempt, int(left) <= 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("how", "first", "step"),
    [
        # The kinds of fault meet different calls.
        *[("error", 2, 9), ("timeout", 4, 9), ("kill", 3, 9)],
        *large(("error", 1, 1), ("timeout", 1, 1), ("kill", 1, 1)),
    ],
)
def test_a_fault_at_any_call_of_a_launch_leaves_one_client_and_none_that_is_nobodys(
    yard: Yard, how: str, first: int, step: int
) -> None:
    """Each time with the real supervisor. A coordinator that is killed there is followed by another one, which begins
    the same attempt again."""
    met, number = True, first - step
    while met:
        number += step
        folder = yard.folder / f"{how}{number}"
        folder.mkdir()
        host = LocalHost(folder / "runs", yard.host.home_id)
        (folder / "runs").mkdir()
        came = launched(yard, folder, how, number)
        killed = came is None
        attempt, met = came or launched(yard, folder, "none", 0) or ("none", False)
        met = met or killed
        # It makes the file before it writes in it, and is stopped soon after.
        clients = folder / "clients"
        until("its client is there", lambda c=clients: c.exists() and c.read_text())  # type: ignore[misc]
        # The supervisor of a run that was given up may come to its lock late: it finds no orders there, and ends.
        until(f"of call {number} only {attempt} lives", lambda h=host, a=attempt: h.living() == {a})  # type: ignore[misc]
        host.order(attempt, Stop("over", "the test is over", quick=True))
        until("it has ended", lambda h=host, a=attempt: not h.alive(a))  # type: ignore[misc]
        assert not (folder / "two-clients").exists() and clients.read_text() == "x"
        for spec in ("t1.1", "t1.2"):
            assert not host.alive(spec) and host.sweep(spec) == ()
    assert number > 20


SLOW = """#!/bin/sh
until [ -e {go} ]; do sleep 0.02; done
exec {python} "$@"
"""


def test_a_supervisor_that_comes_to_life_after_its_run_was_abandoned_starts_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was so slow that the launch had been given up."""
    yard.launch(yard.shell("true"), "t0.1")
    go, slow = yard.folder / "go", yard.folder / "slow-python"
    slow.write_text(SLOW.format(go=go, python=sys.executable))
    slow.chmod(0o755)
    spec = yard.shell("touch ran; read x")
    yard.runs.joinpath("t1.1", "orders").mkdir(parents=True)
    (yard.runs / "t1.1" / "spec.json").write_text(spec.to_json("t1.1", yard.host.marker("t1.1")))
    command = [str(slow), "-I", "-S", supervisor.__file__, str(yard.runs / "t1.1")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as late:
        assert yard.host.abandon("t1.1"), "nobody holds it"
        yard.launch(yard.shell("echo hi; read x"), "t1.2")
        go.touch()
        assert late.stderr is not None and b"spec.json" in late.stderr.read()
        assert late.wait() == supervisor.BAD_RUN
    assert yard.host.living() >= {"t1.2"} and not yard.host.alive("t1.1")
    assert not (yard.folder / "ran").exists()


def test_a_run_that_a_supervisor_holds_cannot_be_abandoned(yard: Yard) -> None:
    yard.launch(yard.shell("read x"))
    assert not yard.host.abandon("t1.1")
    yard.host.order("t1.1", Stop("stop", "over", quick=True))
    yard.exit()
    assert not yard.host.abandon("t1.1"), "it has been begun"
    assert yard.host.abandon("t9.9"), "of this one nothing was ever there"


def test_a_lock_that_cannot_be_asked_is_no_failed_launch(yard: Yard) -> None:
    """It fails closed: the error says that nothing is known, so nothing else is started in the worktree."""
    run = yard.runs / "t1.1"
    run.mkdir(parents=True)
    (run / "lock").symlink_to(run / "lock")
    spec: RunSpec = yard.shell("read x")
    with pytest.raises(OSError, match="symbolic links") as unknown:
        yard.launch(spec)
    assert not isinstance(unknown.value, LaunchFailed)
    (run / "lock").unlink()
    yard.launch(spec)
    assert yard.host.alive("t1.1")
