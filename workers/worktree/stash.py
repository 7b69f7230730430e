"""The stash of a repository, which git shares among all its worktrees: one list for a person and every worker."""

from __future__ import annotations

from dataclasses import dataclass

from workers.git import Git

STASH = "refs/stash"
_EMPTY = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
"""An empty file, by either hash: that one is in the work says nothing of where it came from."""


@dataclass(frozen=True, slots=True)
class Stashed:
    """One entry: its commit, and what the list says of it (`WIP on main: 1a2b3c4 Begin`)."""

    commit: str
    said: str

    def made_on(self, branch: str) -> bool:
        """Whether it was made in a worktree that had `branch` checked out: git says so in its words."""
        return self.said.startswith((f"WIP on {branch}: ", f"On {branch}: "))


def stashed(git: Git) -> tuple[Stashed, ...]:
    """The entries, the newest first. Raises GitError."""
    listed = git.run("reflog", "show", "--format=%H%x00%gs", STASH, "--")
    return tuple(Stashed(*line.split("\0", 1)) for line in listed.lines)


def contents(git: Git, entry: str) -> dict[str, str]:
    """What an entry would bring: each blob that what it was made on does not have, with a path of it."""
    words = ("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT")
    fields = git.run(*words, f"{entry}^1", entry).fields
    if git.run(
        "rev-parse", "--verify", "--quiet", f"{entry}^3", check=False
    ).ok:  # files that were not tracked
        fields += git.run(*words, "--root", "--no-commit-id", f"{entry}^3").fields
    raws, paths = fields[::2], fields[1::2]
    found = {raw.split(" ")[3]: path for raw, path in zip(raws, paths, strict=True)}
    return {blob: path for blob, path in found.items() if blob not in _EMPTY}


def put_back(git: Git, entry: Stashed) -> None:
    """Into the list, as its newest entry."""
    git.run("stash", "store", "--quiet", "--message", entry.said, entry.commit)


def take_out(git: Git, mine: Stashed) -> None:
    """Takes an entry, which is kept elsewhere, out of the list. A person may add and drop entries meanwhile, and git
    knows them by number alone: what else was taken out is put back."""
    while True:
        before = stashed(git) if git.commit_of(STASH) else ()
        number = next((n for n, one in enumerate(before) if one.commit == mine.commit), None)
        if number is None:
            return
        dropped = git.run("stash", "drop", f"{STASH}@{{{number}}}").out.rpartition("(")[2].rstrip(")")
        if dropped != mine.commit:
            said = git.said("log", "-1", "--no-show-signature", "--format=%s", dropped)
            put_back(git, next((one for one in before if one.commit == dropped), Stashed(dropped, said)))
