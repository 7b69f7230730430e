"""Whether what is run in a directory runs in a cell, and in which: said by who has a sandbox, asked by who runs git and
commands there. Travels.

Said for a whole process, or for a block that knows more of what is run in it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from workers.worktree.deleting import delete

_NOT_MADE = re.compile(r"(?:bwrap: [^\n]*\n?)+")
"""All that is said where the command itself was never begun."""


class Cell(Protocol):
    """What a command sees, and how it is begun there."""

    def before(self, scratch: Path, cwd: Path) -> Sequence[str]:
        """The words to put before a command's own; `scratch` is a directory that it has for itself."""

    def before_git(self) -> AbstractContextManager[Sequence[str]]:
        """The same before a git that has all its settings, and its directory, from elsewhere; as long as it runs within
        the block."""

    def denied(self, said: str) -> Sequence[str]:
        """Which paths a command was denied that failed and `said` that, and how to let it: a sentence each."""


class Cells(Protocol):
    """The cells of one machine, by the directories in which something is run."""

    def of_commands(self, directory: Path) -> Cell | None:
        """Of a repository's own commands. Raises OSError, GitError."""

    def of_git(self, directory: Path, *, only_reads: bool) -> Cell | None:
        """Of a git; None for one that can do no harm there. Raises OSError, GitError."""


_cells: ContextVar[Cells | None] = ContextVar("cells", default=None)
_of_all: list[Cells] = []
"""What holds in every thread of the process, the last one; threads of a pool know no context of who has them work."""


@contextmanager
def confined(cells: Cells | None) -> Iterator[None]:
    """What is run within the block sees its cell; for None all stays as it is."""
    token = _cells.set(cells or _cells.get())
    try:
        yield
    finally:
        _cells.reset(token)


@contextmanager
def all_confined(cells: Cells | None) -> Iterator[None]:
    """The same for all threads of the process, where no `confined` says more."""
    if cells is None:
        yield
        return
    _of_all.append(cells)
    try:
        yield
    finally:
        _of_all.remove(cells)


def cells_in_force() -> Cells | None:
    return _cells.get() or (_of_all[-1] if _of_all else None)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory of a command's own, wherever temporary files lie here."""
    place = Path(tempfile.mkdtemp(prefix="fleet-"))
    try:
        yield place
    finally:
        delete(place)


def not_made(code: int | None, said: str) -> bool:
    """Whether a command that ended so, and said that, was never begun, as its cell could not be made."""
    return code == 1 and bool(_NOT_MADE.fullmatch(said))
