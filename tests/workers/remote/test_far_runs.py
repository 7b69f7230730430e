"""Runs that are launched, told and followed by way of a packed far end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.patience import until
from tests.workers.remote.far_process import Far, command, reached
from tests.workers.supervision.yard import Yard, is_gone
from workers.host import LaunchFailed, RunHeld
from workers.orders import Close, RunSpec, Say, Stop

ECHO = "import sys\nfor line in sys.stdin: print('heard', line, end='')"


def launch(far: Far, yard: Yard, spec: RunSpec, attempt: str = "t1.1", secret: bytes | None = None) -> None:
    text = spec.to_json(attempt, yard.host.marker(attempt))
    far.call("launch", secret or b"", attempt=attempt, spec=text, has_secret=secret is not None)


def order(far: Far, given: Say | Close | Stop, attempt: str = "t1.1") -> bool:
    found = far.call("order", attempt=attempt, order_id=given.id, text=given.to_json())["found"]
    assert isinstance(found, bool)
    return found


def received(far: Far) -> int:
    """Bytes of spools that were pushed so far."""
    return sum(len(push.blob) for push in far.pushes)


def test_a_run_is_launched_told_followed_and_ended(far: Far, runs_there: Yard) -> None:
    """The copy that pushes make up is the spool, byte for byte."""
    far.call("watch", attempts={"t1.1": 0})
    launch(far, runs_there, runs_there.python(ECHO, first_lines=("first",)))
    launch(far, runs_there, runs_there.python(ECHO, first_lines=("again, which changes nothing",)))
    far.listen(lambda: b"heard first\n" in far.spool("t1.1"), "the first line")
    assert far.call("started", attempt="t1.1") == {"started": True}
    assert far.call("alive", attempts=["t1.1", "t9.1"]) == {"alive": ["t1.1"], "sizes": {"t9.1": 0}}
    assert far.call("living") == far.call("runs") == {"attempts": ["t1.1"]}
    assert order(far, Say("say-1", "a word")) and order(far, Say("say-1", "a word"))
    far.listen(lambda: b"heard a word\n" in far.spool("t1.1"), "what the client heard")
    with pytest.raises(RunHeld, match="still has its supervisor"):
        far.call("sweep", attempt="t1.1")
    order(far, Close("close-1"))
    runs_there.exit()
    far.listen(lambda: far.spool("t1.1") == runs_there.spool(), "all of it")
    assert far.spool("t1.1").count(b"heard a word\n") == 1
    assert far.call("alive", attempts=["t1.1"]) == {"alive": [], "sizes": {"t1.1": len(runs_there.spool())}}
    assert far.call("living") == {"attempts": []}
    assert far.call("sweep", attempt="t1.1") == {"pids": []}


def test_a_secret_goes_to_the_client_and_nowhere_else(far: Far, runs_there: Yard, root: Path) -> None:
    secret = b"sk-very-secret-indeed"
    spec = runs_there.shell("cat <&7 | wc -c; read line", secret_fd=7)
    far.call("watch", attempts={"t1.1": 0})
    launch(far, runs_there, spec, secret=secret)
    far.listen(lambda: b" 21\n" in far.spool("t1.1"), "how long the secret is")
    assert not [path for path in root.rglob("*") if path.is_file() and secret in path.read_bytes()]
    for pid in (far.process.pid, runs_there.started()["supervisor_pid"], runs_there.started()["pid"]):
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert secret not in told


def test_a_launch_that_fails_does_not_tell_the_secret(far: Far) -> None:
    with pytest.raises(LaunchFailed, match="secret_fd must be 3 or more") as failed:
        spec = RunSpec(("true",), "/", {}, secret_fd=1).to_json("t1.1", "t1.1@x")
        far.call("launch", b"sk-secret", attempt="t1.1", spec=spec, has_secret=True)
    assert "sk-secret" not in str(failed.value)
    assert far.call("started", attempt="t1.1") == {"started": False}


def test_an_order_to_a_run_that_is_not_there_is_answered(far: Far, runs_there: Yard) -> None:
    assert not order(far, Say("say-1", "hello?"), "t5.1")
    assert far.call("spec", attempt="t5.1") == {"spec": None}
    assert far.call("started", attempt="t5.1") == {"started": False}


def test_a_run_goes_on_without_its_far_end_and_is_caught_up_with(
    far: Far, runs_there: Yard, archive: Path, root: Path
) -> None:
    """What came while nobody listened comes from the offset on, once."""
    far.call("watch", attempts={"t1.1": 0})
    launch(far, runs_there, runs_there.python(ECHO, first_lines=("one",)))
    far.listen(lambda: b"heard one\n" in far.spool("t1.1"), "the first line")
    had = far.spool("t1.1")
    assert far.hang_up() == 0
    runs_there.host.order("t1.1", Say("say-2", "two"))
    runs_there.wait_said(b"heard two")
    with reached(command(archive, root)) as again:
        assert again.call("spec", attempt="t1.1")["spec"] == (root / "runs/t1.1/spec.json").read_text()
        again.tell("watch", attempts={"t1.1": len(had)})
        again.listen(lambda: b"heard two\n" in again.spool("t1.1"), "what was missed")
        assert had + again.spool("t1.1") == runs_there.spool()[: len(had) + len(again.spool("t1.1"))]


def test_what_home_has_not_taken_is_bounded(far: Far, root: Path) -> None:
    """A slow wire never fills memory there; when home takes, the rest comes."""
    spool = root / "runs/t1.1/spool"
    spool.parent.mkdir(parents=True)
    spool.write_bytes((b"o 1 " + b"x" * 995 + b"\n") * 20_000)
    far.call("watch", attempts={"t1.1": 0})
    far.listen(lambda: received(far) >= 8 << 20, "as much as is sent without an answer")
    far.call("probe")
    assert 8 << 20 <= received(far) <= (8 << 20) + (256 << 10)
    taken = 0
    while taken < 20_000_000:
        far.tell("took", bytes=received(far) - taken)
        taken = received(far)
        far.listen(lambda before=taken: received(far) > before or before == 20_000_000, "more")
    assert far.spool("t1.1") == spool.read_bytes()
    assert max(len(push.blob) for push in far.pushes) <= 256 << 10


def test_a_spool_that_is_shorter_than_what_home_has_is_told_of(far: Far, root: Path) -> None:
    """A host that lost power may have lost the end of it."""
    spool = root / "runs/t1.1/spool"
    spool.parent.mkdir(parents=True)
    spool.write_bytes(b"s 1 {}\n")
    far.call("watch", attempts={"t1.1": 100})
    far.listen(lambda: far.pushes, "the story")
    assert far.pushes[0].header["push"] == "replaced" and "only 7 bytes" in far.pushes[0].header["story"]


def test_nothing_is_sent_of_a_forgotten_spool(far: Far, root: Path) -> None:
    for attempt in ("t1.1", "t2.1"):
        (root / "runs" / attempt).mkdir(parents=True)
    far.call("watch", attempts={"t1.1": 0, "t2.1": 0})
    far.call("forget", attempts=["t1.1"])
    (root / "runs/t1.1/spool").write_bytes(b"s 1 {}\n")
    (root / "runs/t2.1/spool").write_bytes(b"s 2 {}\n")
    far.listen(lambda: far.spool("t2.1"), "the other one")
    assert far.spool("t1.1") == b""


def test_leftovers_of_a_dead_supervisor_are_swept(far: Far, runs_there: Yard) -> None:
    launch(far, runs_there, runs_there.shell("setsid sleep 1000 & echo $!; exec sleep 1000"))
    pid = int(until("the stray process", runs_there.said)[0])
    os.kill(runs_there.started()["supervisor_pid"], signal.SIGKILL)
    until("the supervisor is gone", lambda: not runs_there.host.alive("t1.1"))
    assert pid in far.call("sweep", attempt="t1.1")["pids"]
    assert is_gone(pid)
    assert far.call("sweep_marker", marker="nobody@nowhere") == {"pids": []}
