"""A client in a sandbox is supervised as any other: spoken to, stopped in order, and gone when its supervisor is."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from tests.patience import until
from tests.sandboxes import bubblewrap
from tests.workers.supervision.yard import SHORT, Yard, is_gone
from workers.orders import RunSpec, Say, Stop
from workers.sandbox.bubblewrap import _ALWAYS, devices
from workers.supervisor import descendants, process_table, scratch_of

TIDY = """
import signal, sys
def tidy(*_):
    print("tidied", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, tidy)
print("ready", flush=True)
for line in sys.stdin:
    print(line.strip(), flush=True)
signal.pause()
"""
FLEES = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open("/tmp/fled", "w").close()
        print("fled", flush=True)
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def sandboxed(yard: Yard, spec: RunSpec) -> RunSpec:
    scratch = scratch_of(str(yard.runs / "t1.1"))
    words = [bubblewrap(), *_ALWAYS, "--ro-bind", "/", "/", *devices(), "--bind", scratch, "/tmp"]
    words += ["--ro-bind", sys.prefix, sys.prefix]  # a clone may lie below /tmp
    return replace(spec, sandbox=(*words, "--chdir", "/", "--"), cwd="/")


def within(yard: Yard) -> set[int]:
    return descendants(process_table(), yard.started()["supervisor_pid"])


def test_it_is_spoken_to_and_told_to_end_by_signal_and_may_tidy_up(yard: Yard) -> None:
    yard.launch(sandboxed(yard, yard.python(TIDY)))
    yard.wait_said(b"ready")
    yard.host.order("t1.1", Say("o1", "a line"))
    yard.wait_said(b"a line")
    yard.host.order("t1.1", Stop("o2", "switch", quick=True))
    ended = yard.exit()
    assert (yard.said()[-1], ended["code"], ended["cause"], yard.rungs()) == (
        b"tidied",
        3,
        "stopped",
        ["terminate"],
    )


def test_one_that_does_not_listen_is_killed_with_all_that_fled(yard: Yard) -> None:
    yard.launch(sandboxed(yard, yard.python(FLEES, grace=SHORT)))
    yard.wait_said(b"fled")
    family = within(yard)
    assert len(family) >= 4 and Path(scratch_of(str(yard.runs / "t1.1")), "fled").exists()
    yard.host.order("t1.1", Stop("o1", "cancelled"))
    yard.exit()
    assert all(map(is_gone, family))
    assert not Path(scratch_of(str(yard.runs / "t1.1"))).exists()


def test_with_its_supervisor_killed_nothing_of_it_is_left_to_sweep(yard: Yard) -> None:
    yard.launch(sandboxed(yard, yard.python(FLEES)))
    yard.wait_said(b"fled")
    family = within(yard)
    os.kill(yard.started()["supervisor_pid"], signal.SIGKILL)
    until("all have ended", lambda: all(map(is_gone, family)))
    until("the run is let go", lambda: not yard.host.alive("t1.1"))
    assert yard.host.sweep("t1.1") == ()
    assert not Path(scratch_of(str(yard.runs / "t1.1"))).exists()


def test_a_secret_reaches_it_on_its_descriptor(yard: Yard) -> None:
    spec = yard.python("import os; print(os.read(7, 100).decode())", secret_fd=7)
    yard.launch(sandboxed(yard, spec), secret=b"the token")
    yard.exit()
    assert yard.said() == [b"the token"]


def test_a_program_that_is_missing_is_named_as_without_a_sandbox(yard: Yard) -> None:
    yard.launch(sandboxed(yard, replace(yard.python(""), argv=(f"{sys.executable}-gone",))))
    ended = yard.exit()
    assert ended["cause"] == "cannot_start" and "-gone" in ended["detail"]
