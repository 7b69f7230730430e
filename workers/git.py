"""The one place that runs git.

Everything that wants git holds an object with `run`. Of the caller's environment git gets what work may have: what it
runs (hooks, filters) may be a worker's, and a repository that is named there would be the wrong one. Output is in
English and as git ships it, whatever a person has configured, and nothing ever asks a question on a terminal.
"""

from __future__ import annotations

import math
import os
import random
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol

from workers import children, trouble
from workers.environment import allowed
from workers.trouble import Meaning

HEADS = "refs/heads/"
"""Where branches are. They are named in full to git, as HEADS and their name: what a short name means changes with each
tag, remote or file of that name."""

LOCK_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_STDERR_SHOWN = 2000

PLUMBING_S = 300.0
"""So long may a git take that only reads, or writes little."""
HOOKS_S = 600.0
"""So long one that runs hooks of the repository: a minute of tests before each commit is ordinary, a gate is better."""
STILL_S = 10.0
"""So long may one that runs hooks do nothing at all (`workers.stillness`)."""
FILES_S = 1_800.0
"""So long one that reads or writes all files of a worktree, through the repository's filters."""
TRANSFER_S = 21_600.0
"""So long one that sends or fetches commits; a wire that is dead is noticed long before."""
LIMITS_S = {
    **dict.fromkeys(("commit", "hook", "merge"), HOOKS_S),
    **dict.fromkeys(
        ("add", "checkout", "clean", "reset", "restore", "rev-list", "submodule", "worktree"), FILES_S
    ),
    **dict.fromkeys(("fetch", "push"), TRANSFER_S),
}
"""By command; PLUMBING_S for all others."""
_HOOKS = {
    "checkout": ("post-checkout",),
    "commit": ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"),
    "hook": ("prepare-commit-msg", "commit-msg"),
    "merge": ("pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-merge"),
    "update-ref": ("reference-transaction",),
    "worktree": ("post-checkout",),
}
"""The hooks that a command runs, in order."""

# GIT_* variables of the caller that say where its settings and certificates are; all others choose a repository, a
# behaviour, or a key of the person's.
_KEPT = re.compile(
    r"GIT_(SSL_.*|HTTP_.*|PROXY_SSL_.*|EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|ALLOW_PROTOCOL)"
)
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
        super().__init__(f"`git {_verb(command)}` in {directory} {after} and was ended{ran}{theirs}")


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
        limit_s = LIMITS_S.get(_verb(args), PLUMBING_S)
        still_s = STILL_S if _verb(args) in _HOOKS else math.inf
        try:
            ended = children.run(
                # Not by `cwd`: so it is git that tells of a directory that is missing.
                ["git", "-C", str(self.directory), *args],
                env={**self._inherited(os.environ), **_FIXED, **(env or {})},
                limit_s=limit_s,
                still_s=still_s,
                out=out,
                err=err,
                stdin=stdin,
                held_fds=self._held_fds,
            )
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

    def _hooks(self, args: Sequence[str]) -> list[str]:
        """Those that the repository has, of the ones that a command runs."""
        names = _HOOKS.get(_verb(args), ())
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


def _verb(args: Sequence[str]) -> str:
    """The command, without the settings that go before it."""
    words = iter(args)
    for word in words:
        if word == "-c":
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def answer(git: RunsGit, *args: str, stdin: bytes | None = None) -> GitResult:
    """What a command says that may answer "no" with code 1. Raises GitFailed for any other code: then it could not be
    asked, and "no" would be a guess."""
    result = git.run(*args, check=False, stdin=stdin)
    if result.code not in (0, 1):
        raise GitFailed(args, git.directory, result.code, result.err)
    return result


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


_PLAIN = {
    # How output looks.
    "color.branch": "never",
    "color.diff": "never",
    "color.status": "never",
    "color.ui": "never",
    "column.ui": "never",
    "diff.ignoreSubmodules": "untracked",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "diff.orderFile": "/dev/null",
    "diff.relative": "false",
    "format.pretty": "medium",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "log.decorate": "no",
    "log.follow": "false",
    "log.mailmap": "false",
    "log.showSignature": "false",
    "status.branch": "false",
    "status.showUntrackedFiles": "normal",
    "status.submoduleSummary": "false",
    # What else a command does: sign, look at signatures, fetch or check out more, write configuration, run programs.
    "branch.autoSetupMerge": "false",
    "branch.autoSetupRebase": "never",
    "checkout.guess": "false",
    "commit.cleanup": "whitespace",
    "commit.gpgSign": "false",
    "commit.verbose": "false",
    "core.fsmonitor": "false",
    "fetch.prune": "false",
    "fetch.pruneTags": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "merge.autoStash": "false",
    "merge.log": "false",
    "merge.verifySignatures": "false",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "rerere.autoUpdate": "false",
    "rerere.enabled": "false",
    "submodule.recurse": "false",
    "tag.gpgSign": "false",
    "worktree.guessRemote": "false",
}
"""What a person has set for their own eyes and habits never reaches what we read and do (`log.showSignature` stopped
landings for good). Settings that say what content is (filters, line ends, what is ignored) stay theirs."""


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables that give these settings to a command, besides those that every command has."""
    pairs = {"GIT_CONFIG_COUNT": str(len(_PLAIN) + len(settings))}
    for number, (key, value) in enumerate({**_PLAIN, **settings}.items()):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return pairs


_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
    "LANGUAGE": "C",
    "LC_ALL": "C",
    # A commit is what its id says. A worker may have put another in its place, for every git that allows it, and then
    # something else would be looked at than what lands.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null/none",
    **configured({}),
}


def _for_work(environ: Mapping[str, str]) -> dict[str, str]:
    """What work may have, for git runs what a worker may have written: hooks, filters."""
    return allowed(environ, [name for name in environ if _KEPT.fullmatch(name)])


def _text(said: bytes | bytearray) -> str:
    return said.decode("utf-8", "surrogateescape").removesuffix("\n")
