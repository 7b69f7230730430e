"""The far end: does on a host what home asks, over the standard input and output of one ssh channel. Travels.

    python3 -X utf8 -I -S far-….pyz --dir DIR --home HOME_ID --host NAME --nonce NONCE [--client PATH] [--env NAMES]
        [--taken NAMES] [--sandbox auto|none]

First it says `FLEET-FAR <nonce> <facts>` in a line, or `FLEET-FAR <nonce> {"refused": story}` and ends with 3. Then
frames go both ways (see `frames`): requests in, answers and pushes out, answers in any order. It ends when its input
ends or has been silent too long; the commands it runs then (setups, verifications) end with it, workers do not.
UTF-8 whatever the host's locale is: so are git's paths and home's words.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from workers import children
from workers.far import probe
from workers.far.directory import Directory, Refused, claim, seen_from
from workers.far.errors import to_header
from workers.far.frames import BadFrame, Frame, Unpacker, pack
from workers.far.git_settings import use_own_settings
from workers.far.ops import Answer, Args, Here, Op, dry_runs, mirrors, runs, sessions, trees
from workers.far.turn import Turn
from workers.far.watching import Watching
from workers.host import LocalHost
from workers.machine import this_machine
from workers.private import keep_private
from workers.sandbox.bubblewrap import Unavailable, find
from workers.sandbox.cell import Sandbox
from workers.sandbox.confined import all_confined
from workers.sandbox.rooms import Rooms

SILENCE_S = 120.0
REFUSED = 3
_QUICK_AT_ONCE = 16
_LONG_AT_ONCE = 64
_READ_BYTES = 1 << 20
OPS: dict[str, Op] = {**runs.OPS, **trees.OPS, **mirrors.OPS, **sessions.OPS, **dry_runs.OPS}
LONG = frozenset(
    {
        *("prepare", "verify", "commit", "hang_again", "snapshot", "remove", "sweep", "sweep_marker"),
        *("prove_client", "dry_run_work", "dry_run_end"),
    }
)
"""May take minutes or hours: they have threads of their own, so that the others never wait for one of these."""
_ORDERLY = frozenset({"ping", "watch", "forget", "took"})


class Outgoing:
    """Where frames go, whole and one after another. Home that does not listen any more ends this process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        with self._lock:
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except OSError:
                    leave()


class FarEnd:
    """Answers requests until there are no more."""

    def __init__(self, here: Here, outgoing: Outgoing, about: probe.Probe) -> None:
        self._here, self._outgoing, self._about = here, outgoing, about
        self._watching = Watching(here.host.run_dir, outgoing.send)
        self._quick = ThreadPoolExecutor(_QUICK_AT_ONCE, "quick")
        self._long = ThreadPoolExecutor(_LONG_AT_ONCE, "long")
        self._orderly = ThreadPoolExecutor(1, "orderly")
        self._own: dict[str, Op] = {
            "ping": self._ping,
            "probe": self._probe,
            "watch": self._watch,
            "forget": self._forget,
            "took": self._took,
        }

    def serve(self, incoming: int, silence_s: float) -> None:
        """Returns when the input ends or nothing came for so long. Raises BadFrame."""
        self._watching.start()
        unpacker = Unpacker()
        poll = select.poll()
        poll.register(incoming, select.POLLIN)
        while poll.poll(silence_s * 1000):
            data = os.read(incoming, _READ_BYTES)
            if not data:
                return
            for frame in unpacker.feed(data):
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        name = str(frame.header.get("op"))
        perform = self._own.get(name) or OPS.get(name) or partial(_unknown, name)
        args = frame.header.get("args", {})
        done = self._threads_for(name).submit(perform, self._here, args, frame.blob)
        done.add_done_callback(partial(self._answer, frame.header.get("id")))

    def _threads_for(self, name: str) -> ThreadPoolExecutor:
        """What is about following is done in the order it was asked: `watch` and `forget` must not overtake."""
        if name in _ORDERLY:
            return self._orderly
        return self._long if name in LONG else self._quick

    def _answer(self, request: int | None, done: Future[Answer]) -> None:
        if not request:
            return
        error = done.exception()
        if error is not None:
            self._outgoing.send(pack({"id": request, "error": to_header(error)}))
        else:
            values, blob = done.result()
            self._outgoing.send(pack({"id": request, "ok": values}, blob))

    def _ping(self, _: Here, __: Args, ___: bytes) -> Answer:
        return Answer({"now_ns": time.time_ns()})

    def _probe(self, _: Here, args: Args, __: bytes) -> Answer:
        """{env: more names of variables, or nothing} → the facts. Ends this far end where somebody has deleted its
        directory: home then begins another, which makes it anew."""
        root = self._here.directory.root
        if not root.exists():
            sys.stderr.write(f"its directory {root} is gone\n")
            leave()
        return Answer(self._about.facts(args.get("env", ())))

    def _watch(self, _: Here, args: Args, __: bytes) -> Answer:
        """{attempts: {attempt: offset}} → {}"""
        self._watching.watch(args["attempts"])
        return Answer({})

    def _forget(self, _: Here, args: Args, __: bytes) -> Answer:
        """{attempts: [attempt]} → {}"""
        self._watching.forget(args["attempts"])
        return Answer({})

    def _took(self, _: Here, args: Args, __: bytes) -> Answer:
        """{bytes} → {}"""
        self._watching.took(args["bytes"])
        return Answer({})


def _unknown(name: str, _: Here, __: Args, ___: bytes) -> Answer:
    raise ValueError(f"the far end knows no operation {name!r}")


def leave() -> NoReturn:
    """End at once, and with us the commands that we run. What was half done is found and done again by the next."""
    children.end_all()
    os._exit(0)


def main() -> None:
    asked = _asked()
    keep_private()
    threading.excepthook = _end_with_a_thread
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit())
    incoming, outgoing = _own_channel()
    greeting = f"FLEET-FAR {asked.nonce} "
    try:
        directory = claim(Path(asked.dir), asked.home, asked.host, asked.taken and asked.taken.split(","))
    except Refused as refused:
        _say(outgoing, greeting, {"refused": str(refused)})
        sys.exit(REFUSED)
    machine = this_machine()
    others = seen_from(directory.root, machine)
    git_trouble = use_own_settings(directory.root)
    found = find(os.environ) if asked.sandbox == "auto" else Unavailable("as asked for by --sandbox none", "")
    sandbox = {"why": found.why, "cure": found.cure} if isinstance(found, Unavailable) else {"program": found}
    more = {"git_trouble": git_trouble, "sandbox": sandbox}
    about = probe.Probe(directory, asked.client, asked.env.split(","), others, more)
    os.environ["PATH"] = about.path  # for setups and verifications as for workers
    _say(outgoing, greeting, about.facts())
    rooms = None if isinstance(found, Unavailable) else _rooms_of(directory, found)
    here = Here(directory, LocalHost(directory.runs, asked.home, machine), Turn(directory.root), rooms)
    try:
        with all_confined(rooms):
            FarEnd(here, Outgoing(outgoing), about).serve(incoming, asked.silence_s)
    except BadFrame as broken:
        sys.stderr.write(f"the far end no longer understands home: {broken}\n")
    finally:
        leave()


def _rooms_of(directory: Directory, program: str) -> Rooms:
    """What work here sees by that bubblewrap."""
    sandbox = Sandbox(program, dict(os.environ), directory.root)
    return Rooms(sandbox, directory.worktrees, directory.root / "kept", (directory.root / "dry-runs",))


def _end_with_a_thread(failed: threading.ExceptHookArgs) -> None:
    """Half a far end would look well and follow nothing; home begins another."""
    sys.stderr.write(f"a thread of the far end failed: {failed.exc_value!r}\n")
    leave()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="far")
    for name in ("--dir", "--home", "--host", "--nonce"):
        parser.add_argument(name, required=True)
    parser.add_argument("--client")
    parser.add_argument("--env", default="", help="variables to tell of, like PATH,LC_*")
    parser.add_argument("--taken", help="the names of all hosts of this home, to take over from any other")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--silence-s", type=float, default=SILENCE_S)
    return parser.parse_args()


def _own_channel() -> tuple[int, int]:
    """The two ends of the channel, out of reach of whatever prints in here or in a child."""
    incoming, outgoing = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (0, 1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _say(fd: int, greeting: str, facts: dict[str, Any]) -> None:
    rest = memoryview(f"{greeting}{json.dumps(facts)}\n".encode())
    while rest:
        rest = rest[os.write(fd, rest) :]
