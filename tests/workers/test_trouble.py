"""The one table of errnos, signals and words of git: whose trouble each of them is."""

from __future__ import annotations

import errno
import signal
import subprocess
from pathlib import Path

import pytest

from tests.small_disks import fill
from workers.command import raise_if_machines
from workers.git import GitError, GitFailed, meaning_of
from workers.trouble import ERRNOS, of_ending, of_errno

WORDS = {
    "fatal: sha1 file '<stdout>' write error. Out of diskspace": "git could not write",
    "error: unable to write file src/a.txt": "git could not write",
    "fatal: unable to write new index file": "git could not write",
    "fatal: couldn't write '/r/.git/refs/heads/a.lock'": "git could not write",
    "fatal: cannot create directory at 'a': No space left on device": "the disk is full",
    "error: unable to create temporary file: Disk quota exceeded": "the disk quota is used up",
    "fatal: read error: Input/output error": "the disk gave an error",
    "fatal: Unable to create '/r/.git/index.lock': Read-only file system": "the file system is read-only",
    "fatal: Out of memory, malloc failed (tried to allocate 12 bytes)": "there is no memory left",
    "fatal: mmap failed: Cannot allocate memory": "there is no memory left",
    "error: cannot fork() for git-submodule: Resource temporarily unavailable": "no further process can be started",
    "fatal: unable to create thread: Resource temporarily unavailable": "no further process can be started",
    "fatal: unable to create async thread: x": "no further process can be started",
    "error: open(\"a\"): Too many open files": "too many files are open",
    "fatal: cannot stat 'a': Stale file handle": "the network file system does not answer as it should",
    "fatal: cannot stat 'a': Connection timed out": "the network file system does not answer as it should",
    "fatal: cannot run index-pack: Text file busy": "git cannot be run",
    "error: index-pack died of signal 9": "git was ended by a signal",
    "error: pre-commit died of signal 15": "git was ended by a signal",
    "fatal: index-pack failed": "git's own helper did not come to its end",
    "remote: fatal: unpack-objects abnormal exit": "git's own helper did not come to its end",
    "fatal: short read while indexing a.txt": "git's own helper did not come to its end",
    "fatal: early EOF": "git's own helper did not come to its end",
    "error: insufficient permission for adding an object to repository database .git/objects":
        "something may not be accessed",
    "fatal: cannot lock ref 'HEAD': Unable to create '/r/.git/HEAD.lock': File exists.": "another git holds a lock",
    "error: could not lock config file .git/config: File exists": "another git holds a lock",
}  # fmt: skip

NOT_THE_MACHINES = [
    "fatal: not a git repository (or any of the parent directories): .git",
    "fatal: bad object HEAD",
    "fatal: detected dubious ownership in repository at '/r'",
    "fatal: cannot lock ref 'refs/heads/a': is at 12 but expected 34",
    "fatal: cannot lock ref 'refs/heads/a': reference already exists",
    "CONFLICT (content): Merge conflict in a.txt",
    "E   OSError: [Errno 28] No space left on device",
    "my test: fatal: No space left on device",
]


@pytest.mark.parametrize(("said", "meaning"), WORDS.items())
def test_what_git_says_of_the_machine_is_the_machines_trouble(said: str, meaning: str) -> None:
    for around in (said, f"hint: something\n{said}\nmore\n"):
        found = of_ending(128, around)
        assert found is not None and found.words == meaning
    assert GitFailed(("gc",), Path("/r"), 128, said).of_the_host
    assert of_ending(0, said) is None, "a warning of a git that has done its work is no trouble"


@pytest.mark.parametrize("said", NOT_THE_MACHINES)
def test_what_git_says_of_the_repository_is_not_and_nor_is_what_a_hook_prints(said: str) -> None:
    assert of_ending(128, said) is None and of_ending(1, said) is None
    assert not GitFailed(("gc",), Path("/r"), 128, said).of_the_host


@pytest.mark.parametrize("number", sorted(set(signal.Signals) - {signal.SIGCHLD}))
def test_a_git_that_was_ended_by_any_signal_has_not_answered(number: signal.Signals) -> None:
    found = of_ending(-number, "")
    assert found is not None and found.words == "git was ended by a signal"


@pytest.mark.parametrize("code", [134, 135, 137, 139, 143])
def test_a_git_that_is_a_shell_script_says_signals_as_a_shell_does(code: int) -> None:
    assert of_ending(code, "Killed") is not None
    assert of_ending(129, "usage: git …") is None and of_ending(128, "") is None and of_ending(1, "") is None


@pytest.mark.parametrize("name", [
    *("ENOSPC", "EDQUOT", "EIO", "EROFS", "ENOMEM", "EAGAIN", "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "ETXTBSY"),
    *("EACCES", "EPERM", "EFBIG"),
])  # fmt: skip
def test_each_errno_of_the_machine_has_words_and_a_cure(name: str) -> None:
    found = of_errno(getattr(errno, name))
    assert found is not None and found.words and found.cure
    error = GitError("it could not be preserved")
    error.__cause__ = OSError(getattr(errno, name), "x")
    assert error.of_the_host and meaning_of(error) == found
    assert found.by_itself == (name not in ("EROFS", "EACCES", "EPERM")), "whether a person has to act"


def test_an_errno_that_tells_of_what_was_asked_is_none_of_the_machines() -> None:
    asked = (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.EINVAL,
        errno.ENAMETOOLONG,
        errno.E2BIG,
        errno.ELOOP,
    )
    assert not set(asked) & set(ERRNOS) and of_errno(None) is None


def test_a_command_that_fails_while_the_disk_is_full_has_decided_nothing_whatever_it_says(
    small_disk: Path,
) -> None:
    """And one that fails while there is room has, though a test of a program may well print the very words."""
    raise_if_machines("E   OSError: [Errno 28] No space left on device", small_disk)
    fill(small_disk)
    with pytest.raises(OSError, match="No space left on device"):
        raise_if_machines("1 failed", small_disk)


def test_a_shell_that_cannot_fork_says_so_and_is_believed(tmp_path: Path) -> None:
    """Said by a real shell, of an ordinary user who may have no more processes."""
    words = ["prlimit", "--nproc=1", "setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"]
    words += ["sh", "-c", "ls | cat"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    if "setpriv:" in said.stderr:
        pytest.skip("only root may become another user here")
    assert said.returncode != 0
    with pytest.raises(OSError, match="temporarily unavailable"):
        raise_if_machines(said.stderr, tmp_path)
