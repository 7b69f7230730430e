"""What may go wrong on a host, as it crosses to home and is raised there as if it had happened at home. Travels.

Each error crosses as its `kind`, its `story`, whether it is the host's own trouble, and the values it was made of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.far.turn import NotItsTurn
from workers.git import GitError, GitFailed, GitMissing, GitNotRun
from workers.host import LaunchFailed, RunHeld
from workers.pinned.proof import ClientRefused
from workers.processes import ProcessesRemain
from workers.worktree.branch import BranchTaken
from workers.worktree.commit import HookRefused, WorkUnfinished
from workers.worktree.filters import FilterFailed
from workers.worktree.lock import WorktreeBusy
from workers.worktree.make import SetupFailed, WorktreeRefused
from workers.worktree.preserve import PreserveFailed
from workers.worktree.remove import RemoveRefused
from workers.worktree.repository import NotARepository, NoTarget
from workers.worktree.set_aside import NotTheCommit
from workers.worktree.submodules import SubmoduleMissing
from workers.worktree.wanted import SettingsWrong

_STDERR_KEPT = 64_000


class FarFailed(Exception):
    """The far end could not do what it was asked, for a reason that has no name of its own: a fault of this program, or
    of the host's Python."""


_OF_A_STORY: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        BranchTaken,
        ClientRefused,
        FarFailed,
        FilterFailed,
        GitError,
        GitNotRun,
        LaunchFailed,
        NoTarget,
        NotARepository,
        NotItsTurn,
        NotTheCommit,
        PreserveFailed,
        ProcessesRemain,
        RemoveRefused,
        RunHeld,
        SettingsWrong,
        SubmoduleMissing,
        WorkUnfinished,
        WorktreeBusy,
        WorktreeRefused,
    )
}
"""Those that are made of their story alone."""


def to_header(error: BaseException) -> dict[str, Any]:
    """The error as JSON, with the nearest kind that home knows."""
    crossing = {"kind": _kind(error), "story": _story(error), "of_the_host": False}
    if isinstance(error, GitError):
        crossing["of_the_host"] = error.of_the_host
    if isinstance(error, GitFailed):
        crossing["command"], crossing["directory"] = list(error.command), str(error.directory)
        crossing["code"], crossing["stderr"] = error.code, error.stderr[-_STDERR_KEPT:]
    elif isinstance(error, SetupFailed):
        crossing["command"], crossing["code"] = error.command, error.code
        crossing["tail"], crossing["timed_out"] = error.tail, error.timed_out
    elif isinstance(error, HookRefused):
        crossing["output"] = error.output
    elif isinstance(error, OSError):
        crossing["of_the_host"], crossing["errno"] = True, error.errno
        crossing["strerror"], crossing["filename"] = error.strerror, _text(error.filename)
    return crossing


def from_header(crossed: Mapping[str, Any]) -> Exception:
    """The error that home raises."""
    make = _MADE_OF_MORE.get(crossed["kind"])
    if make is not None:
        return make(crossed)
    error = _OF_A_STORY.get(crossed["kind"], FarFailed)(crossed["story"])
    if isinstance(error, GitError) and crossed["of_the_host"]:
        error.__cause__ = OSError(crossed["story"])  # by which a GitError knows
    return error


def _kind(error: BaseException) -> str:
    if isinstance(error, OSError):
        return "OSError"
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((name for name in names if name in _OF_A_STORY or name in _MADE_OF_MORE), "FarFailed")


def _story(error: BaseException) -> str:
    story = str(error)
    return story if _kind(error) != "FarFailed" else f"{type(error).__name__}: {story}"


def _text(filename: object) -> str | None:
    return os.fsdecode(filename) if isinstance(filename, (str, bytes, os.PathLike)) else None


def _os_error(crossed: Mapping[str, Any]) -> OSError:
    if crossed["errno"] is None:
        return OSError(crossed["story"])
    if crossed["filename"] is None:
        return OSError(crossed["errno"], crossed["strerror"])
    return OSError(crossed["errno"], crossed["strerror"], crossed["filename"])


_MADE_OF_MORE: dict[str, Callable[[Mapping[str, Any]], Exception]] = {
    "GitMissing": lambda _: GitMissing(),
    "GitFailed": lambda crossed: GitFailed(
        crossed["command"], Path(crossed["directory"]), crossed["code"], crossed["stderr"]
    ),
    "SetupFailed": lambda crossed: SetupFailed(
        crossed["command"], crossed["code"], crossed["tail"], crossed["timed_out"]
    ),
    "HookRefused": lambda crossed: HookRefused(crossed["output"]),
    "OSError": _os_error,
    "ValueError": lambda crossed: ValueError(crossed["story"]),
}

CROSSING: tuple[type[Exception], ...] = (*_OF_A_STORY.values(), GitError, OSError, ValueError)
"""All that `from_header` may make."""
