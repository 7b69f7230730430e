"""The one place that runs git.

Everything that wants git holds an object with `run`. Of the caller's environment git gets what work may have: what it
runs (hooks, filters) may be a worker's, and a repository that is named there would be the wrong one. Output is in
English, and nothing ever asks a question on a terminal.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workers.environment import allowed
from workers.private import umask_of_work

HEADS = "refs/heads/"
"""Where branches are. They are named in full to git: its short names change when a tag has the same name."""

LOCK_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_STDERR_SHOWN = 2000

# GIT_* variables of the caller that say where its settings and certificates are; all others choose a repository, a
# behaviour, or a key of the person's.
_KEPT = re.compile(
    r"GIT_(SSL_.*|HTTP_.*|PROXY_SSL_.*|EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|ALLOW_PROTOCOL)"
)
# What git says while another git holds a lock, or is half-way through writing a new worktree's entry. A
# reference that is "at X but expected Y" also says "cannot lock ref", and must not be retried: that is a lost
# race, not a wait.
_CONTENDED = re.compile(
    r"Unable to create '[^']*\.lock': File exists|could not lock config file [^\n]*: File exists"
    r"|failed to read [^\n]*worktrees/[^\n]*|could not open '[^']*worktrees/[^']*'"
)


# How git tells of a host's trouble; for a checkout that finds no room it gives no reason, only "unable to write file".
# All of these pass without anybody changing the repository.
_OF_THE_HOST = re.compile(
    r"No space left on device|Disk quota exceeded|Input/output error|Read-only file system|Cannot allocate memory"
    r"|Too many open files|Out of memory|unable to write |write error"
)


class GitError(Exception):
    """Something about git or a repository is not as it must be; the message says what to do."""

    @property
    def of_the_host(self) -> bool:
        """Whether the host is at fault (no git, a full disk, a lock that is held) and not the repository: then the same
        may be tried again later."""
        cause = self.__cause__
        return cause.of_the_host if isinstance(cause, GitError) else isinstance(cause, OSError)


class GitMissing(GitError):
    """There is no git to run."""

    def __init__(self) -> None:
        super().__init__("git was not found on the PATH: install git 2.34 or newer, then try again")

    @property
    def of_the_host(self) -> bool:
        return True


class GitFailed(GitError):
    """A git command ended with a code other than 0."""

    def __init__(self, command: Sequence[str], directory: Path, code: int, stderr: str) -> None:
        self.command, self.directory, self.code, self.stderr = tuple(command), directory, code, stderr
        said = stderr.strip()[-_STDERR_SHOWN:] or "(it said nothing)"
        super().__init__(f"`git {' '.join(command)}` in {directory} failed with code {code}: {said}")

    @property
    def of_the_host(self) -> bool:
        return bool(_OF_THE_HOST.search(self.stderr))


@dataclass(frozen=True)
class GitResult:
    """What one command gave. Bytes of `out` that are not UTF-8 are kept as surrogates, so that a path can be
    handed back."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def contended(self) -> bool:
        """Whether it failed because another git held a lock: then it may be run again."""
        return not self.ok and bool(_CONTENDED.search(self.err))

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def fields(self) -> list[str]:
        """The parts of an output that was asked for with -z."""
        return [part for part in self.out.split("\0") if part]


class RunsGit(Protocol):
    """Runs git in one directory, on whichever host that directory is."""

    @property
    def directory(self) -> Path: ...

    def run(
        self,
        *args: str,
        check: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> GitResult: ...


class Git:
    """Runs git in one directory of this machine.

    `held_fds` are inherited by every command: a lock held on such a descriptor stays held by a git that
    outlives us. `patience_s` is how long a command waits for another git's lock: it is run again until then.
    `inherited` is what git gets of our environment, else what work may have.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        held_fds: tuple[int, ...] = (),
        patience_s: float = LOCK_PATIENCE_S,
        inherited: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
    ) -> None:
        self.directory = Path(directory).absolute()
        self._held_fds, self._patience_s = held_fds, patience_s
        self._inherited = inherited or _for_work

    def run(
        self,
        *args: str,
        check: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> GitResult:
        """Run `git ARGS`; wait for a lock that another git holds.

        Raises GitMissing, and with `check` GitFailed for any code other than 0.
        """
        give_up_at = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        while True:
            result = self._once(args, stdin, env or {})
            if not result.contended or time.monotonic() >= give_up_at:
                break
            # Jitter keeps ten that collided from colliding again; nothing about a run depends on it.
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        if check and not result.ok:
            raise GitFailed(args, self.directory, result.code, result.err or result.out)
        return result

    def _once(self, args: Sequence[str], stdin: bytes | None, env: Mapping[str, str]) -> GitResult:
        try:
            ended = subprocess.run(
                # Not by `cwd`: so it is git that tells of a directory that is missing.
                ["git", "-C", str(self.directory), *args],
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                check=False,
                env={**self._inherited(os.environ), **_FIXED, **env},
                pass_fds=self._held_fds,
                umask=umask_of_work(),
            )
        except (FileNotFoundError, PermissionError) as error:
            raise GitMissing from error
        return GitResult(ended.returncode, _text(ended.stdout), _text(ended.stderr))

    def said(self, *args: str) -> str:
        """The output of a command that must succeed."""
        return self.run(*args).out

    def asks(self, *args: str) -> bool:
        """The answer of a command that answers with its code: 0 yes, 1 no. Raises GitFailed for any other."""
        result = self.run(*args, check=False)
        if result.code > 1:
            raise GitFailed(args, self.directory, result.code, result.err)
        return result.ok

    def commit_of(self, name: str) -> str | None:
        """The full id of the commit that `name` means, None when there is none."""
        found = self.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False
        )
        return found.out if found.ok else None


def head_branch(git: RunsGit) -> str | None:
    """The branch that is checked out, without `refs/heads/`; None when HEAD is detached."""
    found = git.run("symbolic-ref", "--quiet", "HEAD", check=False).out
    return found.removeprefix(HEADS) if found.startswith(HEADS) else None


def identity(git: RunsGit) -> dict[str, str]:
    """Variables that name the writer of a commit where the user's configuration does not, and nothing where
    it does."""
    configured = git.run("config", "--get-regexp", r"^(user|author|committer)\.(name|email)$", check=False)
    keys = {line.split(" ", 1)[0].lower() for line in configured.lines}
    names = {}
    for role in ("author", "committer"):
        for part, stand_in in (("name", "Fleet"), ("email", "fleet@localhost")):
            variable = f"GIT_{role.upper()}_{part.upper()}"
            if not {f"user.{part}", f"{role}.{part}"} & keys and not os.environ.get(variable):
                names[variable] = stand_in
    return names


_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
    "LANGUAGE": "C",
    "LC_ALL": "C",
}


def _for_work(environ: Mapping[str, str]) -> dict[str, str]:
    """What work may have, for git runs what a worker may have written: hooks, filters."""
    return allowed(environ, [name for name in environ if _KEPT.fullmatch(name)])


def _text(said: bytes) -> str:
    return said.decode("utf-8", "surrogateescape").removesuffix("\n")
