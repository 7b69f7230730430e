"""What may happen to a fleet at work, by its name: each is a block that lasts as long as the trouble does.

All are the real thing: signals, the kernel's own refusals, a file system without room, a git that dies, a clock that is
set, an sshd that goes away, a far end in other hands.
"""

from __future__ import annotations

import random
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

from tests.chaos.scene import Scene, refusing, send
from tests.small_disks import fill
from tests.workers import evil_end

DAY_MS = 86_400_000
Happens = Callable[[Scene, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """`spares_workers`: no client is ended by it, so each step is asked for once. `of_host`: happens to an ssh host."""

    name: str
    happens: Happens
    spares_workers: bool
    of_host: bool


TROUBLES: dict[str, Trouble] = {}


def _trouble(
    *, spares_workers: bool = True, of_host: bool = False
) -> Callable[[Callable[[Scene, random.Random], Iterator[None]]], None]:
    def keep(happens: Callable[[Scene, random.Random], Iterator[None]]) -> None:
        name = happens.__name__
        TROUBLES[name] = Trouble(name, contextmanager(happens), spares_workers, of_host)

    return keep


@_trouble()
def coordinator_killed(scene: Scene, draw: random.Random) -> Iterator[None]:
    send(scene.coordinator, SIGKILL)
    assert scene.process is not None
    scene.process.wait()
    yield


@_trouble()
def coordinator_told_to_end(scene: Scene, draw: random.Random) -> Iterator[None]:
    send(scene.coordinator, SIGTERM)
    yield


@_trouble()
def coordinator_stopped(scene: Scene, draw: random.Random) -> Iterator[None]:
    pid = scene.coordinator
    send(pid, SIGSTOP)
    yield
    send(pid, SIGCONT)


@_trouble(spares_workers=False)
def worker_killed(scene: Scene, draw: random.Random) -> Iterator[None]:
    """Its client, its supervisor, or both."""
    workers = scene.workers()
    if workers:
        worker = draw.choice(workers)
        for which in draw.choice((["pid"], ["supervisor_pid"], ["pid", "supervisor_pid"])):
            send(worker[which], SIGKILL)
    yield


@_trouble()
def worker_stopped(scene: Scene, draw: random.Random) -> Iterator[None]:
    stopped = [worker[draw.choice(("pid", "supervisor_pid"))] for worker in scene.workers()]
    for pid in stopped:
        send(pid, SIGSTOP)
    yield
    for pid in stopped:
        send(pid, SIGCONT)


@_trouble()
def git_dies(scene: Scene, draw: random.Random) -> Iterator[None]:
    """Every so many calls, as where memory is short."""
    number = draw.choice([Signals.SIGKILL, Signals.SIGSEGV, Signals.SIGBUS, Signals.SIGTERM])
    calls, every = scene.shim / "calls", draw.choice((2, 3, 5))
    git = scene.shim / "git"
    git.write_text(
        f"#!/bin/sh\necho >> {calls}\n[ $(( $(wc -l < {calls}) % {every} )) = 0 ] && kill -{number.name[3:]} $$\n"
        'exec /usr/bin/git "$@"\n'
    )
    git.chmod(0o755)
    yield
    git.unlink()


@_trouble()
def forks_refused(scene: Scene, draw: random.Random) -> Iterator[None]:
    with refusing(scene.coordinator, "clone", "clone3", "fork", "vfork", answer="error=EAGAIN"):
        yield


@_trouble()
def disk_fails(scene: Scene, draw: random.Random) -> Iterator[None]:
    """What is written is not known to be kept."""
    with refusing(scene.coordinator, "fdatasync", "fsync", answer="error=EIO"):
        yield


@_trouble()
def disk_refuses_writes(scene: Scene, draw: random.Random) -> Iterator[None]:
    error, every = draw.choice(("EIO", "ENOSPC", "EDQUOT")), draw.choice((1, 2, 5))
    with refusing(scene.coordinator, "pwrite64", answer=f"error={error}:when=1+{every}"):
        yield


@_trouble()
def disk_is_slow(scene: Scene, draw: random.Random) -> Iterator[None]:
    with refusing(scene.coordinator, "fdatasync", "fsync", answer="delay_enter=300000"):
        yield


@_trouble()
def home_is_full(scene: Scene, draw: random.Random) -> Iterator[None]:
    filler = fill(scene.house.home)
    yield
    filler.unlink()


@_trouble()
def clock_jumps(scene: Scene, draw: random.Random) -> Iterator[None]:
    scene.house.set_clock(draw.choice((-400, -3, -1, 1, 3, 400)) * DAY_MS)
    yield
    scene.house.set_clock(0)


@_trouble(of_host=True)
def connections_cut(scene: Scene, draw: random.Random) -> Iterator[None]:
    assert scene.farm is not None
    scene.farm.servers["one"].cut()
    yield


@_trouble(of_host=True)
def host_is_away(scene: Scene, draw: random.Random) -> Iterator[None]:
    assert scene.farm is not None
    server = scene.farm.servers["one"]
    server.stop()
    yield
    server.start()


@_trouble(spares_workers=False, of_host=True)
def host_is_taken_over(scene: Scene, draw: random.Random) -> Iterator[None]:
    """And stays so: it has to be told from a host in trouble, and its work goes on elsewhere."""
    assert scene.farm is not None
    server = scene.farm.servers["one"]
    server.stop()
    attack = draw.choice(("settings", "side", "trav"))
    target = scene.house.root / "evil" / "reached"
    server.through(f"exec {shlex.join([sys.executable, evil_end.__file__, attack, str(target)])}")
    server.start()
    yield
