"""An error of a host is raised at home as what it was there."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from workers.far.errors import FarFailed, from_header, to_header
from workers.git import GitError, GitFailed, GitMissing
from workers.host import LaunchFailed, RunHeld
from workers.processes import ProcessesRemain
from workers.worktree.commit import HookRefused, WorkUnfinished
from workers.worktree.lock import WorktreeBusy
from workers.worktree.make import SetupFailed
from workers.worktree.preserve import PreserveFailed
from workers.worktree.remove import RemoveRefused


def crossed(error: BaseException) -> Exception:
    return from_header(json.loads(json.dumps(to_header(error))))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        GitMissing(),
        GitFailed(["push", "x"], Path("/m"), 128, "fatal: no"),
        GitFailed(["add"], Path("/m"), 128, "error: No space left on device"),
        SetupFailed("make deps", None, "could not start", False),
        SetupFailed("make deps", -9, "…", True),
        HookRefused("not like this"),
        WorkUnfinished("a rebase is in progress"),
        WorktreeBusy("another process works on it"),
        PreserveFailed("it could not be preserved"),
        caused(PreserveFailed("the disk"), OSError(errno.ENOSPC, "full")),
        caused(PreserveFailed("the index"), GitFailed(["x"], Path("/m"), 1, "write error")),
        RemoveRefused("it is locked"),
        LaunchFailed("the supervisor ended with 2"),
        RunHeld("it still has its supervisor"),
        ProcessesRemain("processes 1, 2"),
        ValueError("no such operation"),
    ],
    ids=lambda error: f"{type(error).__name__}",
)
def test_its_kind_its_words_and_whose_fault_it_was_arrive(error: Exception) -> None:
    arrived = crossed(error)
    assert type(arrived) is type(error) and str(arrived) == str(error)
    own = {key: value for key, value in vars(error).items() if not isinstance(value, BaseException)}
    assert vars(arrived) == own
    if isinstance(error, GitError):
        assert isinstance(arrived, GitError) and arrived.of_the_host == error.of_the_host


def test_an_error_of_the_system_keeps_its_number_and_its_file() -> None:
    arrived = crossed(PermissionError(errno.EACCES, "Permission denied", b"/x/\xff"))
    assert isinstance(arrived, PermissionError)
    assert (arrived.errno, arrived.strerror, arrived.filename) == (
        errno.EACCES,
        "Permission denied",
        "/x/\udcff",
    )
    assert str(crossed(OSError("only words"))) == "only words"


def test_a_kind_that_is_not_known_still_tells_its_story() -> None:
    class Odd(GitError):
        pass

    assert type(crossed(KeyError("attempt"))) is FarFailed and "KeyError: 'attempt'" in str(
        crossed(KeyError("attempt"))
    )
    assert type(crossed(Odd("a story"))) is GitError
    newer = {"kind": "OfANewerVersion", "story": "what happened", "of_the_host": False}
    assert str(from_header(newer)) == "what happened"
