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
_PATH = re.compile(r"(?:^|(?<=[\s'\"`‘“(\[=:<]))/[^\s'\"`’”()\[\],;:<>|]+")
_LINES_MAX = 400
_TOLD_MAX = 3


def told(view: View, said: str, project: str, never: Sequence[Path]) -> str:
    """A line for each path, the last ones first; empty when nothing was denied. `never` are those that are hidden, or
    kept as they are, on purpose."""
    lines = [
        line for line in said.splitlines()[-_LINES_MAX:] if _MISSING.search(line) or _REFUSED.search(line)
    ]
    found: dict[str, None] = {}
    for line in reversed(lines):
        for path in map(_plain, _PATH.findall(line)):
            found.update(dict.fromkeys(_of(view, path, bool(_REFUSED.search(line)), project, never)))
    return "".join(f"\n[sandbox: {one}]" for one in list(found)[:_TOLD_MAX])


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
