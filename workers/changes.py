"""What a branch changes since it began, file by file, as git tells it.

Git is asked in a directory of its own (`keyed_git`): of the repository it has the objects alone. So nothing runs that
the repository names for showing a difference (`diff.external`, a driver's `command` or `textconv`, filters, a pager),
be it in its configuration or in its attributes; a worker may have written both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from workers.git import Git
from workers.keyed_git import keyed_git

_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--submodule=short")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """`old_path` is what it was called before, where it was renamed. `added` and `deleted` are lines; None of what has
    none, as binary files do not."""

    path: str
    old_path: str | None
    added: int | None
    deleted: int | None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Places are (first line, how many) before and after. `lines` begin with a blank, `+`, `-` or a backslash."""

    before: tuple[int, int]
    after: tuple[int, int]
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Between two commits, named by their ids."""

    git: Git
    base: str
    head: str

    def files(self, paths: Sequence[str] = ()) -> tuple[ChangedFile, ...]:
        """Those that differ, below `paths` if any are named (as git reads them, from the root). Raises GitError."""
        said = self.git.run(*_DIFF, "--numstat", "-z", self.base, self.head, "--", *paths).out
        return tuple(_listed(said.split("\0")))

    def patch(self, file: ChangedFile) -> str:
        """One file's. Raises GitError."""
        names = [file.path] if file.old_path is None else [file.old_path, file.path]
        return self.git.run("--literal-pathspecs", *_DIFF, self.base, self.head, "--", *names).out


def _listed(fields: list[str]) -> Iterator[ChangedFile]:
    """Each is `added TAB deleted TAB path`; of a renamed one the path is empty, and two more fields have both."""
    rest = iter(fields)
    for field in rest:
        if not field:
            continue
        added, deleted, path = field.split("\t", 2)
        old_path = None if path else next(rest)
        yield ChangedFile(path or next(rest), old_path, _count(added), _count(deleted))


def _count(said: str) -> int | None:
    return None if said == "-" else int(said)


def hunks_of(patch: str) -> tuple[Hunk, ...]:
    """Of one file's patch."""
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in patch.split("\n"):
        place = _HUNK.fullmatch(line)
        if place:
            found.append((place, []))
        elif found:
            found[-1][1].append(line)
    return tuple(
        Hunk((int(at[1]), int(at[2] or 1)), (int(at[3]), int(at[4] or 1)), at[5], tuple(lines))
        for at, lines in found
    )


@contextmanager
def changes(repo: Path, base: str, head: str) -> Iterator[Changes]:
    """Of two commits of `repo`. Raises GitError, OSError."""
    with TemporaryDirectory(prefix="fleet-changes-") as place:
        yield Changes(keyed_git(repo, Path(place), {}), base, head)


def persons_pager(repo: Path) -> str | None:
    """The pager that the person has set for git in their own configuration; None where there is none such."""
    with TemporaryDirectory(prefix="fleet-changes-") as place:
        found = keyed_git(repo, Path(place), {}).run("config", "--get", "core.pager", check=False)
    return found.out if found.ok and found.out else None
