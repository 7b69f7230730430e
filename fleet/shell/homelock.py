"""Who holds a home: one coordinator (or one short command) at a time, by an flock that dies with its holder.

The file of the lock says who that is. The directory itself is locked, too, for somebody may delete the file: nobody is
known to hold the home then, but it is held.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from fleet.home import Home

SHORT_COMMAND_S = 30.0
"""What holds a home for longer, on however busy a machine, is no short command. Nor does anybody look for so long."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What the holder wrote of itself. `socket` is where a coordinator takes requests; None for a short command."""

    pid: int
    since: float
    socket: str | None


class HomeHeld(Exception):
    """Somebody else holds the home; the message says who."""

    def __init__(self, home: Home, holder: Holder | None) -> None:
        self.holder = holder
        who = "another process" if holder is None else f"process {holder.pid}, since {_when(holder.since)}"
        super().__init__(
            f"{home.root} is held by {who}. One coordinator at a time: `fleet status` to look, `fleet down` to "
            "stop it, or name another FLEET_HOME"
        )


def _when(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


@contextmanager
def hold(
    home: Home, socket: str | None = None, patience_s: float = 0.0, sandbox: str | None = None
) -> Iterator[None]:
    """Holds the home. `sandbox` is what a coordinator's workers run in, or why they run in none. Raises HomeHeld when
    somebody else does, after `patience_s` if that is no coordinator."""
    home.make()
    with home.lock.open("a+", encoding="utf-8") as file, _directory(home) as directory:
        _acquire(home, file, patience_s)
        _acquire_directory(home, directory)
        file.seek(0)
        file.truncate()
        said = {"pid": os.getpid(), "since": time.time(), "socket": socket, "sandbox": sandbox}
        json.dump(said, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _acquire(home: Home, file: IO[Any], patience_s: float) -> None:
    """Who only looks holds the lock, too, for a moment, which on a busy machine may be long: that is nobody to give way
    to, and is waited for in any case."""
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited_s, (held, found) = time.monotonic() - began, _look(home)
            if (found is not None and found.socket) or waited_s > (patience_s if held else SHORT_COMMAND_S):
                raise HomeHeld(home, found) from None
            time.sleep(0.01)


@contextmanager
def _directory(home: Home) -> Iterator[int]:
    descriptor = os.open(home.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire_directory(home: Home, directory: int) -> None:
    """Of a network's file system a directory may not be lockable: there the file alone says who holds the home."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeHeld(home, None) from None
    except OSError:
        return


def holder(home: Home) -> Holder | None:
    """Who holds the home now, None when nobody does (or has not said yet who it is)."""
    return _look(home)[1]


def _look(home: Home) -> tuple[bool, Holder | None]:
    """Whether somebody holds it, and who, as far as that is said."""
    try:
        file = home.lock.open("r", encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return False, None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, _said(file)
        return False, None


def _said(file: IO[str]) -> Holder | None:
    try:
        said = json.loads(file.read())
        return Holder(int(said["pid"]), float(said["since"]), said.get("socket"))
    except (ValueError, KeyError, TypeError):
        return None
