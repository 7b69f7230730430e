"""This machine as a host of workers: launch a run, give it orders, see that it lives, clean up after it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pkgutil
import py_compile
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from workers import cgroups, machine, processes, spool, supervisor
from workers.machine import Machine
from workers.orders import Order, RunSpec
from workers.private import umask_of_work, write_whole

LAUNCH_PATIENCE_S = 20.0
LAST_WORDS_BYTES = 64 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LaunchFailed(Exception):
    """A run could not be given to a supervisor. None holds it, and none that comes to life late will begin it: another
    attempt may start in the same worktree."""


class RunHeld(Exception):
    """A run that still has its supervisor may not be swept: the supervisor ends it when told to stop."""


class RunElsewhere(OSError):
    """The run was launched on another machine, which shares this directory but not its locks: from here it can't be
    told whether it lives."""


class LocalHost:
    """Runs under `runs`, of the home `home_id`. Calls block shortly and may come from several threads at
    once.

    With `here`, the machine that this is, each run notes where it was launched; then of one that was launched on
    another machine nothing is said but that it lives or has ended: what would be a guess raises RunElsewhere.
    """

    def __init__(self, runs: Path, home_id: str, here: Machine | None = None) -> None:
        self._runs = runs
        self.home_id = home_id
        self._here = here

    def marker(self, attempt: str) -> str:
        """The value of FLEET_RUN in every process of this attempt."""
        return f"{attempt}@{self.home_id}"

    def run_dir(self, attempt: str) -> Path:
        if not NAME.fullmatch(attempt):
            raise ValueError(
                f"{attempt!r} is not an attempt's id: it must be usable as the name of a directory"
            )
        return self._runs / attempt

    def launch(self, attempt: str, spec: RunSpec, secret: bytes | None) -> None:
        """Give the run to a supervisor of its own, and return when that one holds it.

        Does nothing when the attempt is held or has ever started: an attempt runs at most once. What a launch
        that was cut short left behind is completed. Whether the client itself could start stands in the
        spool. Raises LaunchFailed; and OSError when it cannot be told whether a supervisor holds it now: then nothing
        else may start in its worktree until that is known, and it is to be launched again.
        """
        if (secret is None) != (spec.secret_fd is None):
            raise ValueError(
                f"{attempt}: a secret and the descriptor to hand it over on (secret_fd) go together"
            )
        self.launch_text(attempt, spec.to_json(attempt, self.marker(attempt)), secret)

    def launch_text(self, attempt: str, spec: str, secret: bytes | None) -> None:
        """Like `launch`, with the text of `spec.json` as another machine has written it."""
        try:
            if self.alive(attempt) or self.has_started(attempt):
                return
            self._furnish(self.run_dir(attempt), spec)
        except OSError as refused:
            story = f"the run directory of {attempt} cannot be written: {refused}"
            self._refused(attempt, story, refused)
            return
        try:
            ended = self._start_supervisor(attempt, secret)
        except (OSError, subprocess.SubprocessError) as refused:
            self._refused(attempt, f"the supervisor of {attempt} could not be started: {refused}", refused)
            return
        if ended.returncode not in (supervisor.HELD, supervisor.RAN_BEFORE):
            said = ended.stderr.decode(errors="replace").strip() or "it said nothing"
            self._refused(attempt, f"the supervisor of {attempt} ended with {ended.returncode}: {said}")

    def _refused(self, attempt: str, story: str, cause: Exception | None = None) -> None:
        """An error of a launch is no proof that nothing runs: the supervisor may have taken the run before it came.
        So the lock is asked. Raises LaunchFailed, unless a supervisor has the run."""
        if self.abandon(attempt):
            raise LaunchFailed(story) from cause

    def abandon(self, attempt: str) -> bool:
        """See to it that no supervisor ever begins this run, not even one that was started and has not come to its lock
        yet: it finds no spec under the lock, and ends. False when one holds the run or has begun it.

        Only afterwards may the attempt count as never begun, or as lost. It takes no room on a disk that is full.
        Raises OSError when the lock cannot be asked: then nothing is known.
        """
        run = self.run_dir(attempt)
        if self.has_started(attempt):
            return False
        self._expect_here(attempt)
        try:
            fd = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            return True  # without a directory nothing was started
        try:
            try:
                if not supervisor.take_patiently(fd):
                    return False
            except supervisor.BadRun as busy:
                raise OSError(errno.EBUSY, str(busy), str(run / "lock")) from busy
            begun = self.has_started(attempt)
            if not begun:
                (run / "spec.json").unlink(missing_ok=True)
                (run / "machine").unlink(missing_ok=True)
            fcntl.flock(fd, fcntl.LOCK_UN)  # at once, also in a copy that a fork in another thread has made
        finally:
            os.close(fd)
        return not begun

    def _furnish(self, run: Path, spec: str) -> None:
        (run / "orders").mkdir(mode=0o700, parents=True, exist_ok=True)
        run.chmod(0o700)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(run / "wake", 0o600)
        self._note(run)
        write_whole(run / "spec.json", spec.encode("utf-8", "surrogateescape"))

    def _note(self, run: Path) -> None:
        """Of two machines that launch it at once only one makes the note, also on a network's file system, and so only
        one starts it. Raises RunElsewhere for the other."""
        if self._here is None:
            return
        draft = run / f".machine.{uuid.uuid4().hex}"
        try:
            draft.write_text(self._here.text(), encoding="utf-8")
            with contextlib.suppress(FileExistsError):
                os.link(draft, run / "machine")
        finally:
            draft.unlink(missing_ok=True)
        self._expect_here(run.name)

    def elsewhere(self) -> dict[str, str]:
        """The runs that may still live on another machine, with its host name."""
        here, noted = self._here, {attempt: self._elsewhere(attempt) for attempt in sorted(self.there())}
        return {a: there.beside(here) for a, there in noted.items() if there is not None and here is not None}

    def _elsewhere(self, attempt: str) -> Machine | None:
        """The other machine that the run may still live on; None for one that was launched here, or has ended."""
        run = self.run_dir(attempt)
        try:
            there = machine.read((run / "machine").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._here is None or there is None or not there.is_another_than(self._here):
            return None
        return None if _has_ended(run / "spool") else there

    def _expect_here(self, attempt: str) -> None:
        """Raises RunElsewhere."""
        there = self._elsewhere(attempt)
        if there is not None and self._here is not None:
            raise RunElsewhere(
                f"{attempt} was launched on {there.beside(self._here)}, and this is {self._here.name}: the two share "
                f"the directory {self._runs} but not its locks. Name one of them"
            )

    def _start_supervisor(self, attempt: str, secret: bytes | None) -> subprocess.CompletedProcess[bytes]:
        """The process started here ends as soon as its fork holds the run, so it leaves no zombie."""
        command = [sys.executable, "-I", "-S", str(self._program()), str(self.run_dir(attempt))]
        return subprocess.run(
            command,
            input=b"" if secret is None else b"%d\n%s" % (len(secret), secret),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={},
            start_new_session=True,
            umask=umask_of_work(),
            timeout=LAUNCH_PATIENCE_S,
            check=False,
        )

    def _program(self) -> Path:
        """The supervisor, compiled once: a script is compiled at each start, which takes longer than its
        imports."""
        source = _source_of_the_supervisor()
        digest = hashlib.sha256(source).hexdigest()[:16]
        compiled = self._runs / f".supervisor-{digest}-{sys.implementation.cache_tag}.pyc"
        if not compiled.exists():
            with tempfile.TemporaryDirectory(prefix=".supervisor-", dir=self._runs) as scratch:
                written = Path(scratch, "supervisor.py")
                written.write_bytes(source)
                py_compile.compile(str(written), cfile=str(compiled), dfile="supervisor.py", doraise=True)
        return compiled

    def order(self, attempt: str, order: Order) -> None:
        """Leave an order for the supervisor and wake it. Safe to repeat: an id is obeyed once.

        The answer comes as an `order` record in the spool. Raises FileNotFoundError when there is no such
        run.
        """
        self.order_text(attempt, order.id, order.to_json())

    def order_text(self, attempt: str, order_id: str, text: str) -> None:
        """Like `order`, with the text of the order's file as another machine has written it."""
        run = self.run_dir(attempt)
        if not NAME.fullmatch(order_id):
            raise ValueError(f"{order_id!r} is not an order's id: it must be usable as the name of a file")
        names = [path.name for path in (run / "orders").iterdir()]
        if not any(name.partition("-")[2] == f"{order_id}.json" for name in names):
            order = run / "orders" / f"{_next_number(names):08d}-{order_id}.json"
            write_whole(order, text.encode("utf-8", "surrogateescape"))
        _wake(run / "wake")

    def alive(self, attempt: str) -> bool:
        """Whether a supervisor holds the run. Raises RunElsewhere where its lock says nothing."""
        try:
            fd = os.open(self.run_dir(attempt) / "lock", os.O_RDONLY)
        except FileNotFoundError:
            self._expect_here(attempt)
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(fd, fcntl.LOCK_UN)  # at once, also in a copy that a fork in another thread has made
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        self._expect_here(attempt)
        return False

    def gone(self, attempts: Collection[str]) -> set[str]:
        """Those that no supervisor holds."""
        return {attempt for attempt in attempts if not self.alive(attempt)}

    def there(self) -> set[str]:
        """All runs that have a directory here, whatever became of them."""
        names = [path.name for path in self._runs.iterdir()] if self._runs.exists() else []
        return {name for name in names if NAME.fullmatch(name)}

    def living(self) -> set[str]:
        """All runs that a supervisor holds."""
        return {name for name in self.there() if self.alive(name)}

    def spec(self, attempt: str) -> dict[str, Any]:
        """What `spec.json` of a launched run says. Raises OSError when there is none."""
        spec: dict[str, Any] = json.loads((self.run_dir(attempt) / "spec.json").read_text(encoding="utf-8"))
        return spec

    def has_started(self, attempt: str) -> bool:
        """Whether a supervisor has recorded anything: the client's start, or why it could not start."""
        try:
            with (self.run_dir(attempt) / "spool").open("rb") as spool:
                return spool.readline().endswith(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return False

    def sweep(self, attempt: str) -> tuple[int, ...]:
        """End what a dead supervisor left running; returns the pids. Raises RunHeld, ProcessesRemain."""
        if self.alive(attempt):
            raise RunHeld(f"{attempt} still has its supervisor; stop it and wait for its exit record")
        ended = processes.sweep(self.marker(attempt), spool_path=self.run_dir(attempt) / "spool")
        supervisor.remove_scratch(str(self.run_dir(attempt)))
        (self.run_dir(attempt) / "machine").unlink(missing_ok=True)  # nothing of it lives, on no machine
        return ended

    def memory_free_bytes(self) -> int | None:
        """What new processes can use without swapping; None where the system does not say."""
        return cgroups.memory().free

    def disk_free_bytes(self) -> int:
        """What an ordinary user may still write to the file system that holds the runs."""
        place = next(folder for folder in (self._runs, *self._runs.parents) if folder.exists())
        stat = os.statvfs(place)
        return stat.f_bavail * stat.f_frsize


def _has_ended(path: Path) -> bool:
    """Whether the last line of a spool is its supervisor's last word."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
            last = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return False
    record = spool.parse(last.rstrip(b"\n").rpartition(b"\n")[2])
    return (
        record.kind == "s"
        and b'"exit"' in record.payload
        and json.loads(record.payload).get("event") == "exit"
    )


def _source_of_the_supervisor() -> bytes:
    """By its package's loader: on a host reached over ssh that is a zip archive."""
    source = pkgutil.get_data("workers", "supervisor.py")
    assert source is not None
    return source


def _next_number(names: list[str]) -> int:
    numbers = [int(name.split("-")[0]) for name in names if re.match(r"\d+-", name)]
    return max(numbers, default=0) + 1


def _wake(fifo: Path) -> None:
    """A supervisor that is gone or has unread wakes is not an error: the order is on the disk."""
    try:
        fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as nobody:
        if nobody.errno not in (errno.ENXIO, errno.ENOENT):
            raise
        return
    try:
        os.write(fd, b"\n")
    except (BlockingIOError, BrokenPipeError):
        return
    finally:
        os.close(fd)
