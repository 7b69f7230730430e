"""The one place that runs git.

Everything that wants git holds an object with `run`. Of the caller's environment git gets what work may have: what it
runs (hooks, filters) may be a worker's, and a repository that is named there would be the wrong one. Output is in
English and as git ships it, whatever a person has configured, and nothing ever asks a question on a terminal.
"""

from __future__ import annotations

import errno
import math
import os
import random
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol

from workers import children, git_commands, trouble
from workers.git_commands import only_reads, verb
from workers.git_environment import FIXED, for_work
from workers.sandbox.confined import Cell, cells_in_force, not_made
from workers.trouble import Meaning

HEADS = "refs/heads/"
"""Where branches are. They are named in full to git, as HEADS and their name: what a short name means changes with each
tag, remote or file of that name."""

LOCK_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_STDERR_SHOWN = 2000

# What git says while another is half-way through writing a new worktree's entry. It waits for that as for a lock.
_HALF_WRITTEN = re.compile(r"failed to read [^\n]*worktrees/[^\n]*|could not open '[^']*worktrees/[^']*'")


class GitError(Exception):
    """Something about git or a repository is not as it must be; the message says what to do."""

    at: str | None = None
    """The host where it is so; None for this machine."""

    @property
    def of_the_host(self) -> bool:
        """Whether the machine is at fault (no git, a full disk, a lock that is held) and not the repository: then the
        same is tried again later (`workers.trouble`)."""
        cause = self.__cause__
        return cause.of_the_host if isinstance(cause, GitError) else isinstance(cause, OSError)

    @property
    def meaning(self) -> Meaning | None:
        """The machine's trouble that it is, where that has a name."""
        return None if self.__cause__ is None else meaning_of(self.__cause__)


def meaning_of(failed: BaseException) -> Meaning | None:
    """The machine's trouble that an error tells of; None for one that is none, or has no name."""
    if isinstance(failed, MemoryError):
        return trouble.of_errno(errno.ENOMEM)
    if isinstance(failed, OSError):
        return trouble.of_errno(failed.errno)
    return failed.meaning if isinstance(failed, GitError) else None


class GitMissing(GitError):
    """There is no git to run."""

    def __init__(self) -> None:
        super().__init__("git was not found on the PATH: install git 2.34 or newer, then try again")

    @property
    def of_the_host(self) -> bool:
        return True

    @property
    def meaning(self) -> Meaning:
        return trouble.GIT_AWAY


class GitNotRun(GitError):
    """The system refused to start git; the cause says why."""


class GitFailed(GitError):
    """A git command ended with a code other than 0, or the machine kept it from answering."""

    def __init__(self, command: Sequence[str], directory: Path, code: int, stderr: str) -> None:
        self.command, self.directory, self.code, self.stderr = tuple(command), directory, code, stderr
        said = stderr.strip()[-_STDERR_SHOWN:] or "(it said nothing)"
        super().__init__(f"`git {' '.join(command)}` in {directory} failed with code {code}: {said}")

    @property
    def of_the_host(self) -> bool:
        return self.meaning is not None

    @property
    def meaning(self) -> Meaning | None:
        return trouble.of_ending(self.code, self.stderr)


class GitTookTooLong(GitError):
    """A git command was ended because its time was over, or because nothing of it did anything any more (`still`).
    `hooks` are those of the repository that it runs: where there are any, one of them may have been what took so long.
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        after: str,
        late: Sequence[str],
        hooks: Sequence[str],
        *,
        still: bool = False,
    ) -> None:
        self.hooks, self.still = tuple(hooks), still
        ran = f"; what still ran: {', '.join(f'`{line}`' for line in late)}" if late else ""
        theirs = f"; the repository has hooks that it runs: {', '.join(hooks)}" if hooks else ""
        theirs += ". Mend what hangs there: it is tried again" if hooks and still else ""
        super().__init__(f"`git {verb(command)}` in {directory} {after} and was ended{ran}{theirs}")


class SaidTooMuch(GitError):
    """A git command was ended because it said more than anything sensible has to say."""

    def __init__(self, command: Sequence[str], directory: Path, bytes_max: int) -> None:
        super().__init__(f"`git {command[0]}` in {directory} was ended: it said more than {bytes_max} bytes")


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
        return not self.ok and bool(trouble.LOCK.search(self.err) or _HALF_WRITTEN.search(self.err))

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
    `inherited` is what git gets of our environment, else what work may have: the latter alone runs in a cell, where
    there is a sandbox.
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
        self._inherited = inherited or for_work
        self._confined = inherited is None

    def run(
        self,
        *args: str,
        check: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> GitResult:
        """Run `git ARGS`; wait for a lock that another git holds.

        Raises GitMissing, GitNotRun and GitTookTooLong; GitFailed when the machine kept git from answering, since a
        code is no answer then; and with `check` for any code other than 0.
        """
        give_up_at = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        while True:
            result = self.once(*args, stdin=stdin, env=env)
            if not result.contended or time.monotonic() >= give_up_at:
                break
            # Jitter keeps ten that collided from colliding again; nothing about a run depends on it.
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        if trouble.of_ending(result.code, result.err):
            raise GitFailed(args, self.directory, result.code, result.err + self._told_of_locks(result.err))
        if check and not result.ok:
            raise GitFailed(args, self.directory, result.code, result.err or result.out)
        return result

    def once(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> GitResult:
        """One try, whatever comes of it: for a caller with a meaning of its own for what git says. Raises GitMissing,
        GitNotRun and GitTookTooLong."""
        said, told = bytearray(), bytearray()
        code = self._run(args, env, stdin, said.extend, told.extend)
        return GitResult(code, _text(said), _text(told))

    def bounded(self, bytes_max: int, *args: str, env: Mapping[str, str] | None = None) -> GitResult:
        """Like `once`, for what a stranger may make long: git is ended, and SaidTooMuch raised, when it has said more
        than that."""
        said, told = bytearray(), bytearray()

        def taken_by(kept: bytearray, data: bytes) -> None:
            kept += data
            if len(said) + len(told) > bytes_max:
                raise SaidTooMuch(args, self.directory, bytes_max)

        code = self._run(args, env, None, partial(taken_by, said), partial(taken_by, told))
        return GitResult(code, _text(said), _text(told))

    def _run(
        self,
        args: Sequence[str],
        env: Mapping[str, str] | None,
        stdin: bytes | None,
        out: children.Sink,
        err: children.Sink,
    ) -> int:
        limit_s = git_commands.LIMITS_S.get(verb(args), git_commands.PLUMBING_S)
        still_s = git_commands.STILL_S if verb(args) in git_commands.HOOKS else math.inf
        # Not by `cwd`: so it is git that tells of a directory that is missing.
        words = ["git", "-C", str(self.directory), *args]
        if not all(map(_can_be_said, words)):
            raise GitFailed(args, self.directory, 128, "no program can be given these words")
        told = bytearray()
        cell = self._cell(args)
        try:
            with nullcontext(()) if cell is None else cell.before_git() as before:
                ended = children.run(
                    [*before, *words],
                    env={**self._inherited(os.environ), **FIXED, **(env or {})},
                    limit_s=limit_s,
                    still_s=still_s,
                    out=out,
                    err=err if cell is None else partial(_both, told, err),
                    stdin=stdin,
                    held_fds=self._held_fds,
                    sandboxed=cell is not None,
                )
            if cell is not None and not_made(ended.code, _text(told)):
                raise OSError(f"the sandbox could not be made: {_text(told)}")
        except (FileNotFoundError, PermissionError) as error:
            raise GitMissing from error
        except OSError as error:
            raise GitNotRun(f"git could not be run: {error}") from error
        if ended.late is not None:
            after = f"did nothing for {still_s:g} s" if ended.still else f"did not end within {limit_s:g} s"
            raise GitTookTooLong(
                args, self.directory, after, ended.late, self._hooks(args), still=ended.still
            )
        return ended.code

    def _cell(self, args: Sequence[str]) -> Cell | None:
        cells = cells_in_force() if self._confined else None
        try:
            return None if cells is None else cells.of_git(self.directory, only_reads=only_reads(args))
        except OSError as error:
            raise GitNotRun(f"git could not be run: {error}") from error

    def _hooks(self, args: Sequence[str]) -> list[str]:
        """Those that the repository has, of the ones that a command runs."""
        names = git_commands.HOOKS.get(verb(args), ())
        if not names:
            return []
        folder = self.directory / self.said("rev-parse", "--git-path", "hooks")
        return [name for name in names if os.access(folder / name, os.X_OK)]

    def _told_of_locks(self, said: str) -> str:
        """For each lock that was in the way: since when, and what a person can do."""
        return "".join(_told_of(self.directory / path) for path in dict.fromkeys(trouble.locks(said)))

    def said(self, *args: str) -> str:
        """The output of a command that must succeed."""
        return self.run(*args).out

    def asks(self, *args: str) -> bool:
        """The answer of a command that answers with its code: 0 yes, 1 no. Raises GitFailed for any other."""
        return answer(self, *args).ok

    def commit_of(self, name: str) -> str | None:
        """The full id of the commit that `name` means, None when there is none. Raises GitFailed when that cannot be
        told, as for a reference that is there and cannot be read."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        found = answer(self, *words)
        if not found.ok and name.startswith("refs/") and self._is_there(name):
            found = answer(self, *words)  # it may have been made just now
            if not found.ok:
                self._refuse_unreadable(name)
        return found.out if found.ok else None

    def _is_there(self, reference: str) -> bool:
        """Also one that cannot be read, which git warns of here, and takes for none everywhere else."""
        listed = self.run("for-each-ref", "--format=%(refname)", reference)
        return reference in listed.lines or reference in listed.err

    def _refuse_unreadable(self, reference: str) -> NoReturn:
        story = f"the reference {reference} of {self.directory} is there, but cannot be read"
        try:
            (self.directory / self.said("rev-parse", "--git-path", reference)).read_bytes()
        except OSError as error:
            raise GitError(f"{story}: {error}") from error
        raise GitError(f"{story} as a commit: look at it with `git show-ref {reference}`")


def answer(git: RunsGit, *args: str, stdin: bytes | None = None) -> GitResult:
    """What a command says that may answer "no" with code 1. Raises GitFailed for any other code: then it could not be
    asked, and "no" would be a guess."""
    result = git.run(*args, check=False, stdin=stdin)
    if result.code not in (0, 1):
        raise GitFailed(args, git.directory, result.code, result.err)
    return result


def _can_be_said(word: str) -> bool:
    """Whether a program can be given it: text of strangers may have a NUL, or half a character."""
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False


def _told_of(lock: Path) -> str:
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lock.stat().st_mtime))
    except OSError:  # it has gone meanwhile
        return ""
    return (
        f"\n{lock} is there since {since}. If no git runs any more that holds it (a killed one leaves it for ever), "
        f"remove it: rm {shlex.quote(str(lock))}"
    )


def head_branch(git: RunsGit) -> str | None:
    """The branch that is checked out, without `refs/heads/`; None when HEAD is detached."""
    found = answer(git, "symbolic-ref", "--quiet", "HEAD").out
    return found.removeprefix(HEADS) if found.startswith(HEADS) else None


def writer(git: RunsGit) -> dict[str, str]:
    """Variables that name the writer of a commit, for a machine whose own configuration does not count: as the user's
    environment and configuration have it, else a stand-in."""
    said = _names_configured(git)
    return {
        variable: os.environ.get(variable)
        or said.get(f"{role}.{part}")
        or said.get(f"user.{part}")
        or stand_in
        for variable, role, part, stand_in in _WRITERS
    }


def identity(git: RunsGit) -> dict[str, str]:
    """The same, without what git finds in the user's configuration by itself."""
    said, names = _names_configured(git), writer(git)
    return {
        variable: names[variable]
        for variable, role, part, _ in _WRITERS
        if os.environ.get(variable) or not {f"user.{part}", f"{role}.{part}"} & said.keys()
    }


_WRITERS = tuple(
    (f"GIT_{role.upper()}_{part.upper()}", role, part, stand_in)
    for role in ("author", "committer")
    for part, stand_in in (("name", "Fleet"), ("email", "fleet@localhost"))
)


def _names_configured(git: RunsGit) -> dict[str, str]:
    words = ("config", "-z", "--get-regexp", r"^(user|author|committer)\.(name|email)$")
    pairs = (field.partition("\n") for field in answer(git, *words).fields)
    return {key.lower(): value for key, _, value in pairs}


def _both(kept: bytearray, sink: children.Sink, data: bytes) -> None:
    """The sandbox's own words are the first."""
    kept += data[:_STDERR_SHOWN]
    sink(data)


def _text(said: bytes | bytearray) -> str:
    return said.decode("utf-8", "surrogateescape").removesuffix("\n")
