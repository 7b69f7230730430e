"""Branches of tasks that have ended, where their target has all of them: they may go, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet.core.model import Task
from fleet.home import Home
from fleet.shell import places
from workers.git import HEADS, Git
from workers.worktree.branch import CLAIMS, key_of
from workers.worktree.checkouts import checkouts


@dataclass(frozen=True, slots=True)
class OldBranches:
    """Of one repository: what may go, by full name with the commit that it has now, and by short name why others
    stay."""

    removable: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


def old_branches(home: Home, repo: str, tasks: Iterable[Task]) -> OldBranches:
    """Of these tasks, which have ended and have no worktree any more, by a few processes of git whatever their number.
    Only branches that are provably this home's. Raises GitError, OSError."""
    git = Git(Path(repo))
    branches = _listed(git, f"{HEADS}fleet/", f"{HEADS}fleet-*")
    claims, verified = _listed(git, f"{CLAIMS}/"), _listed(git, "refs/fleet/verified/")
    by_key: dict[str, list[str]] = {}
    for claim in claims:
        key, _, name = claim.removeprefix(f"{CLAIMS}/").partition("/")
        by_key.setdefault(key, []).append(name)
    stood_on, merged = checkouts(git), _Merged(git)
    removable: dict[str, str] = {}
    kept: dict[str, str] = {}
    for task in tasks:
        key, stays = key_of(places.worktree_path(home, task)), False
        in_target = merged.into(task.spec.target)
        names = {*by_key.get(key, ()), *((task.branch,) if task.branch else ())}
        for name in sorted(names):
            ref = f"{HEADS}{name}"
            why = "" if ref not in branches else _why_kept(ref, task, in_target, stood_on.get(name))
            if why:
                kept[name], stays = why, True
                continue
            claim = f"{CLAIMS}/{key}/{name}"
            removable |= {
                one: there[one] for one, there in ((ref, branches), (claim, claims)) if one in there
            }
        mark = places.verified_ref(task)
        if names and not stays and mark in verified and mark in in_target:
            removable[mark] = verified[mark]
    return OldBranches(removable, kept)


def remove(repo: str, removable: Mapping[str, str]) -> None:
    """All of them, or none where one has moved since. Raises GitError, OSError."""
    orders = "".join(f"delete {name} {commit}\n" for name, commit in removable.items())
    if orders:
        Git(Path(repo)).run("update-ref", "-m", "fleet: clean", "--stdin", stdin=orders.encode())


def _why_kept(ref: str, task: Task, in_target: Iterable[str], stood_on: Path | None) -> str:
    if stood_on is not None:
        return f"{stood_on} has it checked out"
    if ref not in in_target:
        return f"{task.spec.target} does not have all of it"
    return ""


class _Merged:
    """What of ours each target has already, looked up once."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._found: dict[str, frozenset[str]] = {}

    def into(self, target: str) -> frozenset[str]:
        """Nothing where there is no such branch any more."""
        if target not in self._found:
            tip = self._git.commit_of(f"{HEADS}{target}")
            where = (f"{HEADS}fleet/", f"{HEADS}fleet-*", "refs/fleet/verified/")
            words = ("for-each-ref", f"--merged={tip}", "--format=%(refname)", *where)
            self._found[target] = frozenset() if tip is None else frozenset(self._git.run(*words).lines)
        return self._found[target]


def _listed(git: Git, *where: str) -> dict[str, str]:
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)", *where).lines
    return {name: commit for commit, _, name in (line.partition(" ") for line in lines)}
