"""What a failed command was denied by its cell, as its output tells, and how a person may let it. Travels.

The output is a worker's word. So a path counts only when it is as the output says outside, too, and one that is hidden
on purpose is never offered.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.sandbox.bubblewrap import View
from workers.sandbox.toolchains import is_below

_MISSING = re.compile(
    r"no such file or directory|ENOENT|FileNotFound|does not exist|nonexistent|not found|cannot find"
    r"|can't cd to",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"read-only file ?system|EROFS|permission denied|EACCES|EPERM|operation not permitted|EBUSY"
    r"|device or resource busy",
    re.IGNORECASE,
)
_OUTRIGHT = re.compile(r"read-only file ?system|EROFS", re.IGNORECASE)
_INDEX = re.compile(r"unable to write new_?.?index|could not write index|index\.lock", re.IGNORECASE)
"""As git says it, which may rename nothing onto an index that lies in a cell to be read."""
_PATH = re.compile(r"(?:^|(?<=[\s'\"`‘“(\[=:<]))/[^\s'\"`’”()\[\],;:<>|]+")
_LINES_MAX = 400
_TOLD_MAX = 3


def told(view: View, said: str, project: str, never: Sequence[Path]) -> tuple[str, ...]:
    """A sentence for each path, the last ones first; none when nothing was denied. `never` are those that are hidden,
    or kept as they are, on purpose."""
    lines = [
        line
        for line in said.splitlines()[-_LINES_MAX:]
        if any(words.search(line) for words in (_MISSING, _REFUSED, _INDEX))
    ]
    found: dict[str, None] = {}
    for line in reversed(lines):
        named = _PATH.findall(line)
        for path in map(_plain, named):
            found.update(dict.fromkeys(_of(view, path, bool(_REFUSED.search(line)), project, never)))
        if _INDEX.search(line):
            found.update(dict.fromkeys(_of_the_checkout(never)))
        elif not named and _OUTRIGHT.search(line):
            found[_unnamed(line, project)] = None
    return tuple(found)[:_TOLD_MAX]


def _of_the_checkout(never: Sequence[Path]) -> Iterator[str]:
    for index in (path for path in never if path.name == "index"):
        yield (
            f"{index.parent} is the person's own, and its index may not be written by work, on purpose: let the "
            "command work in a clone, or all work without a sandbox: fleet up --sandbox none"
        )


def _unnamed(line: str, project: str) -> str:
    """What is read-only in a cell is nearly always so because of it."""
    command = f"fleet project set {shlex.quote(project)} --sandbox-write DIRECTORY"
    return f"work writes below its worktree alone (`{line.strip()[:200]}`); if it should elsewhere: {command}"


def _plain(path: str) -> Path:
    return Path(os.path.normpath(path.rstrip(".")))


def _of(view: View, path: Path, refused: bool, project: str, never: Sequence[Path]) -> Iterator[str]:
    if refused and not view.lets_write(path):
        place = _there(path)
        if os.access(place, os.W_OK):
            yield _offered(place, "written", "write", project, never)
    elif not refused and not view.shows(path) and os.path.lexists(path):
        yield _offered(path, "seen", "read", project, never)


def _there(path: Path) -> Path:
    """It, or what is to have it: the nearest above that is there."""
    while not os.path.lexists(path):
        path = path.parent
    return path


def _offered(path: Path, what: str, how: str, project: str, never: Sequence[Path]) -> str:
    if path in never or is_below(path, never):
        return f"{path} may not be {what} by work, on purpose"
    command = f"fleet project set {shlex.quote(project)} --sandbox-{how} {shlex.quote(str(path))}"
    return f"{path} is not {what} by work of this project; if it should be: {command}"
