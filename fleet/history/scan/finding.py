"""The transcripts below config directories. No pathlib: thousands of files in milliseconds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.history.scan.result import Unreadable

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class ConfigDir:
    """A directory that holds `projects/`, and the account whose use it tells."""

    path: str
    account: str


@dataclass(frozen=True, slots=True)
class Found:
    """A transcript. `status` is its `stat`."""

    path: str
    config_dir: ConfigDir
    status: os.stat_result


def find(config_dir: ConfigDir) -> Iterator[Found | Unreadable]:
    """All transcripts, those of subagents and workflows below a session included; each directory once, also where
    symbolic links lead in circles. What is no regular file is left out."""
    top = os.path.join(os.path.realpath(config_dir.path), "projects")  # noqa: PTH118
    if not os.path.isdir(top):  # noqa: PTH112
        if not os.path.isdir(config_dir.path):  # noqa: PTH112
            yield Unreadable(config_dir.path, "no such directory")
        elif os.path.lexists(top):
            yield Unreadable(top, "not a directory")
        return
    rest, linked = [top], set[tuple[int, int]]()
    while rest:
        folder = rest.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    yield from _entry(entry, config_dir, rest, linked)
        except OSError as error:
            yield Unreadable(folder, error.strerror or str(error))


def _entry(
    entry: os.DirEntry[str], config_dir: ConfigDir, rest: list[str], linked: set[tuple[int, int]]
) -> Iterator[Found | Unreadable]:
    try:
        if entry.is_dir():
            if not entry.is_symlink() or _first_time(entry, linked):
                rest.append(entry.path)
        elif entry.name.endswith(SUFFIX):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                yield Found(entry.path, config_dir, status)
    except OSError as error:
        yield Unreadable(entry.path, error.strerror or str(error))


def _first_time(entry: os.DirEntry[str], linked: set[tuple[int, int]]) -> bool:
    status = entry.stat()
    known = (status.st_dev, status.st_ino) in linked
    linked.add((status.st_dev, status.st_ino))
    return not known
