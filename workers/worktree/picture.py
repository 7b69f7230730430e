"""A picture of what lies in a worktree and is in no commit, taken when it was made ready: before any worker's turn.

By it one knows later which ignored files the set-up made (dependencies, seeds, links: no work) and which were made or
changed since. It stands in git's own directory of the worktree, so that it goes when that goes.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.git import Git
from workers.private import write_whole
from workers.worktree.notes import PICTURE

FILES_MAX = 400_000
"""Of more files than this the rest is not looked at: `Picture.whole` is False then."""

Seen = tuple[int, int, int, int, int]
"""Mode, bytes, links, and the nanoseconds of the last change of its content and of its inode."""


@dataclass(frozen=True)
class Picture:
    """Files and directories by their path below the worktree."""

    files: Mapping[str, Seen]
    directories: frozenset[str]
    whole: bool = True

    def below(self, path: str) -> Picture:
        """The part of it that lies in a directory, with paths below that."""
        start = f"{path}/"
        files = {name[len(start) :]: seen for name, seen in self.files.items() if name.startswith(start)}
        inside = {name[len(start) :] for name in self.directories if name.startswith(start)}
        return Picture(files, frozenset(inside), self.whole)


EMPTY = Picture({}, frozenset())


@dataclass
class Since:
    """What differs from a picture: `new` (files, or whole directories) and `changed` lie there, `missing` does not."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def take_picture(git: Git, without: Collection[str] = ()) -> Picture:
    """Everything that is in no commit now, but for the paths of `without`. Raises GitFailed, OSError."""
    files: dict[str, Seen] = {}
    directories: set[str] = set()
    left_out = frozenset(without)
    for path, seen in _walked(git.directory, untracked(git)):
        if path in left_out:
            continue
        if len(files) >= FILES_MAX:
            return Picture(files, frozenset(directories), whole=False)
        if seen is None:
            directories.add(path)
        else:
            files[path] = seen
            directories.update(_above(path, directories))
    return Picture(files, frozenset(directories))


def since(root: Path, listed: Collection[str], picture: Picture) -> Since:
    """Holds what lies there now (`untracked`) against the picture. A directory that is new is not looked into; of a
    picture that is not whole, only what it shows to be changed counts."""
    found, there = Since(), set()
    todo = sorted(listed, reverse=True)
    while todo:
        path = todo.pop().rstrip("/")
        about = _seen(f"{root}/{path}")
        if about is None:
            continue
        if stat.S_ISDIR(about[0]):
            inside = _inside(root, path) if path in picture.directories else None
            if inside is not None:
                todo.extend(inside)
            elif path in picture.directories:
                found.changed.append(path)
            elif picture.whole:
                found.new.append(path)
            continue
        before = picture.files.get(path)
        there.add(path)
        if before is None and picture.whole:
            found.new.append(path)
        elif before is not None and _differs(before, about):
            found.changed.append(path)
    gone = (path for path in picture.files if path not in there)
    found.missing.extend(path for path in gone if not os.path.lexists(f"{root}/{path}"))
    return found


def untracked(git: Git, env: Mapping[str, str] | None = None) -> list[str]:
    """All files that the index does not have, ignored or not; a directory without any tracked file stands for all in
    it. Those of submodules count as well. Raises GitFailed."""
    listed = git.run("ls-files", "--others", "--directory", "-z", env=env).fields
    for path in submodules(git):
        listed += [f"{path}/{inner}" for inner in untracked(Git(git.directory / path))]
    return listed


def submodules(git: Git) -> list[str]:
    """Paths of the submodules that are checked out."""
    if not (git.directory / ".gitmodules").is_file():
        return []
    listed = git.run("ls-files", "--stage", "-z").fields
    paths = (line.partition("\t")[2] for line in listed if line.startswith("160000"))
    return [path for path in paths if (git.directory / path / ".git").exists()]


def read_picture(admin: Path) -> Picture | None:
    """None when there is none: the worktree was made by an earlier release, or is not finished."""
    try:
        stored = json.loads((admin / PICTURE).read_bytes())
        files = {
            path: (seen[0], seen[1], seen[2], seen[3], seen[4]) for path, seen in stored["files"].items()
        }
        return Picture(files, frozenset(stored["directories"]), stored["whole"] is True)
    except (FileNotFoundError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def write_picture(admin: Path, picture: Picture) -> None:
    """Whole or not at all. Raises OSError."""
    stored = {
        "whole": picture.whole,
        "directories": sorted(picture.directories),
        "files": picture.files,
    }
    write_whole(admin / PICTURE, json.dumps(stored, separators=(",", ":")).encode())


def drop_picture(admin: Path) -> None:
    """Whatever lies there counts as made since."""
    (admin / PICTURE).unlink(missing_ok=True)


def _walked(root: Path, listed: Collection[str]) -> Iterator[tuple[str, Seen | None]]:
    """Files with what they are, directories with None."""
    todo = sorted(listed, reverse=True)
    while todo:
        path = todo.pop().rstrip("/")
        seen = _seen(f"{root}/{path}")
        if seen is None:
            continue
        if not stat.S_ISDIR(seen[0]):
            yield path, seen
            continue
        yield path, None
        todo.extend(_inside(root, path) or ())


def _inside(root: Path, path: str) -> list[str] | None:
    """None for a directory that we may not read."""
    try:
        with os.scandir(f"{root}/{path}") as entries:
            return [f"{path}/{entry.name}" for entry in entries]
    except PermissionError:
        return None


def _seen(path: str) -> Seen | None:
    try:
        about = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return about.st_mode, about.st_size, about.st_nlink, about.st_mtime_ns, about.st_ctime_ns


def _differs(before: Seen, now: Seen) -> bool:
    """No program can set the time at which an inode changed. But where a file has several names (a package manager's
    store), another name that comes or goes sets it, too: then the rest must do."""
    shared = before[2] > 1 or now[2] > 1
    return (before[0], before[1], before[3]) != (now[0], now[1], now[3]) or (
        before[4] != now[4] and not shared
    )


def _above(path: str, known: Collection[str]) -> Iterator[str]:
    parent = path.rpartition("/")[0]
    while parent and parent not in known:
        yield parent
        parent = parent.rpartition("/")[0]
