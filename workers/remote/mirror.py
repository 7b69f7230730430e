"""A repository's mirror on a host: what work starts from goes there, what was done comes home.

The mirror is bare and the worktrees of the host hang on it, so nothing is ever pushed onto a branch of it: the commits
to start from lie under `refs/fleet/incoming/<task>` and `refs/fleet/base/<target>`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from workers.git import HEADS, Git, GitError, answer
from workers.remote.transport import Answer, Far, fetch, push
from workers.worktree.checkouts import checked_out_at
from workers.worktree.repository import locate

_NAME_CHARACTERS = 40
_NONE = "0" * 40


class CommitMissing(GitError):
    """A commit that a host is to have is not in the repository here."""


class BranchInUse(GitError):
    """The task's branch cannot be moved to what a host made, because somebody stands on it."""


def mirror_name(common_dir: Path) -> str:
    """The name of a repository's mirror, the same for every host: a word to recognise it by, and a digest of where it
    lies here, since two repositories may be called alike."""
    root = common_dir.parent if common_dir.name == ".git" else common_dir
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip(".-")[:_NAME_CHARACTERS] or "repository"
    return f"{word}-{_digest(str(common_dir.resolve()))}"


def incoming_ref(task: str) -> str:
    """Where the tip of a task's branch lies in a mirror."""
    return f"refs/fleet/incoming/{task}"


def base_ref(target: str) -> str:
    """Where the tip of a target branch lies in a mirror. By digest: as references, `a` and `a/b` exclude each other."""
    return f"refs/fleet/base/{_digest(target)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


class Mirror:
    """One repository's mirror on one host, for as long as one connection to it lasts.

    What is known to be there is remembered, so that a warm start asks the host nothing. `forget` when it turns out
    otherwise. May be used from several threads.
    """

    def __init__(self, far: Far, repo: Path) -> None:
        place = locate(repo)
        self.far, self.place = far, place
        self.name = mirror_name(place.common_dir)
        self.git = Git(place.root)
        self._opening, self._sending, self._errands = Lock(), Lock(), Lock()
        self._path: str | None = None
        self._there: set[str] = set()
        self._done: set[Hashable] = set()

    @property
    def path(self) -> str:
        """Where the mirror lies on the host; it is made if need be. Raises HostAway, and what the far end raises."""
        with self._opening:
            if self._path is None:
                self._path = self._opened()
            return self._path

    def send(self, commits: Mapping[str, str]) -> bool:
        """Bring commits there, `{reference in the mirror: commit}`; whether anything had to travel.

        A commit that the mirror has under any reference is not sent again, and then its reference is not made either.
        Only one thread sends at a time: the others would send the same. Raises CommitMissing, TransferFailed, HostAway.
        """
        with self._sending:
            path = self.path
            missing = {ref: commit for ref, commit in commits.items() if commit not in self._there}
            if not missing:
                return False
            for commit in missing.values():
                self._expect(commit)
            push(self.git, self.far, path, [f"{commit}:{ref}" for ref, commit in missing.items()])
            self._there.update(missing.values())
        return True

    def bring(self, commits: Mapping[str, str]) -> None:
        """Bring commits home, `{reference here: commit}`, whatever these references held. Raises as
        `transport.fetch` does."""
        path = self.path
        missing = {ref: commit for ref, commit in commits.items() if self.git.commit_of(ref) != commit}
        if missing:
            fetch(self.git, self.far, path, missing)
        self._there.update(commits.values())

    def ask(self, op: str, args: Mapping[str, Any], blob: bytes = b"", *, timeout_s: float = 60.0) -> Answer:
        """Have the far end do something with this mirror, which is made if need be. Raises what `op` does, HostAway."""
        assert self.path
        return self.far.call(op, {"mirror": self.name, **args}, blob, timeout_s=timeout_s)

    def forget(self) -> None:
        """Look anew at what is there with the next call."""
        with self._opening:
            self._path = None
            self._there.clear()
            self._done.clear()

    @contextmanager
    def once(self, errand: Hashable) -> Iterator[bool]:
        """Whether this is the first time that this connection does `errand`. The others wait until it is done; one that
        failed was not done."""
        with self._errands:
            first = errand not in self._done
            yield first
            self._done.add(errand)

    def _opened(self) -> str:
        path: str = self.far.call("mirror", {"name": self.name}).values["path"]
        self.far.call("mirror_config", {"mirror": self.name, "set": self._writer()})
        refs = self.far.call("refs", {"mirror": self.name, "prefixes": ["refs/"]}).values["refs"]
        self._there = set(refs.values())
        return path

    def _writer(self) -> dict[str, str]:
        """Who the user is to git here, so that workers there commit in the same name."""
        said = {key: answer(self.git, "config", key) for key in ("user.name", "user.email")}
        return {key: value.out for key, value in said.items() if value.ok and value.out}

    def _expect(self, commit: str) -> None:
        if self.git.commit_of(commit) is None:
            raise CommitMissing(
                f"{self.place.root} has no commit {commit}, so host {self.far.name} cannot be given it: fetch it, or "
                "let the task start from another one"
            )


def adopt_branch(git: Git, branch: str, commit: str, keep_under: str) -> None:
    """Move the task's branch here to what a host made of it.

    A tip that would otherwise be lost, as the host went another way, is first kept under the reference
    `<keep_under>.was-<tip>`. Raises BranchInUse, and GitFailed where somebody else moved the branch meanwhile.
    """
    ref = f"{HEADS}{branch}"
    tip = git.commit_of(ref)
    if tip == commit:
        return
    place = checked_out_at(git, branch)
    if place is not None:
        raise BranchInUse(
            f"{branch!r} is checked out at {place}, so it was not moved to {commit[:12]}, which a host made of it: run "
            f"`git switch --detach` there, then try again"
        )
    if tip is not None and not git.asks("merge-base", "--is-ancestor", tip, commit):
        git.run("update-ref", "-m", "fleet: preserve", f"{keep_under}.was-{tip[:12]}", tip)
    git.run("update-ref", "-m", "fleet: as the host has it", ref, commit, tip or _NONE)
