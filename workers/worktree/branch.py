"""The branch of a task: its name, and the claim that it is this worktree's and nobody else's.

The claim is a reference made in one transaction with the branch. So after a crash at any instant it is known whether a
branch of that name is ours to go on with, or somebody else's that must be left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.git import HEADS, Git, GitError, GitFailed
from workers.worktree.entry import entries

CLAIMS = "refs/fleet/made"
_NAMES_TRIED = 99
_SLUG_CHARACTERS = 40


class BranchTaken(GitError):
    """No usable name is left for the task's branch."""


@dataclass(frozen=True)
class Claimed:
    """A branch that is ours, and the commit its work is based on."""

    branch: str
    base_commit: str


def branch_name(task: str, title: str) -> str:
    """`fleet/<task>-<slug>` from a task's id and title, always a name that git accepts."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_SLUG_CHARACTERS].strip("-")
    return f"fleet/{task}-{slug}" if slug else f"fleet/{task}"


def key_of(worktree_path: Path) -> str:
    """A short word for a worktree's path: two homes may both have a task t7 in one repository."""
    return hashlib.sha256(str(worktree_path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def claim(git: Git, worktree_path: Path, branch: str, base_commit: str) -> Claimed:
    """Make the branch at `base_commit`, or find it as an earlier call made it, under the first free name.

    Raises BranchTaken.
    """
    claims = f"{CLAIMS}/{key_of(worktree_path)}"
    start = base_commit
    for name in _names(git, branch):
        if _create(git, (f"{HEADS}{name}", start), (f"{claims}/{name}", base_commit)):
            return Claimed(name, base_commit)
        ours, tip = git.commit_of(f"{claims}/{name}"), git.commit_of(f"{HEADS}{name}")
        if ours and tip is None and _create(git, (f"{HEADS}{name}", start)):
            return Claimed(name, ours)
        if ours and tip and not _checked_out(git, name, worktree_path):
            return Claimed(name, ours)
        if ours and tip:
            # Ours, but somebody has it checked out: go on from where it is, under the next name.
            start, base_commit = tip, ours
    raise BranchTaken(
        f"{branch!r} and {_NAMES_TRIED} names like it are taken or impossible in {git.directory}"
    )


def claimed(git: Git, worktree_path: Path) -> dict[str, str]:
    """The branches that were ever claimed for that worktree, and the commits that work on them is based on."""
    claims = f"{CLAIMS}/{key_of(worktree_path)}/"
    listed = git.run("for-each-ref", "--format=%(objectname) %(refname)", claims).lines
    return {name.removeprefix(claims): commit for commit, _, name in (line.partition(" ") for line in listed)}


def _names(git: Git, branch: str) -> Iterator[str]:
    parent = branch.rpartition("/")[0]
    # A branch `fleet` makes every `fleet/…` impossible: references are files and directories.
    name = branch.replace("/", "-") if parent and git.commit_of(f"{HEADS}{parent}") else branch
    yield name
    yield from (f"{name}-{number}" for number in range(2, _NAMES_TRIED + 1))


def _create(git: Git, *references: tuple[str, str]) -> bool:
    """False when a name is taken. Raises GitFailed for whatever else keeps them from being made."""
    orders = "".join(f"create {name} {commit}\n" for name, commit in references)
    words = ("update-ref", "-m", "fleet: made", "--stdin")
    made = git.run(*words, stdin=orders.encode(), check=False)
    if not made.ok and not any(_in_the_way(git, name) for name, _ in references):
        raise GitFailed(words, git.directory, made.code, made.err)
    return made.ok


def _in_the_way(git: Git, reference: str) -> bool:
    """Whether there is such a reference, or one that is a directory of it, or below it."""
    parts = reference.split("/")
    above = ["/".join(parts[:count]) for count in range(3, len(parts))]
    found = git.run("for-each-ref", "--format=%(refname)", reference, *above).lines
    return any(name in (reference, *above) or name.startswith(f"{reference}/") for name in found)


def _checked_out(git: Git, branch: str, worktree_path: Path) -> bool:
    wanted = worktree_path.resolve()
    return any(entry.branch == branch and entry.path.resolve() != wanted for entry in entries(git))
