"""What a repository has by name: branches, tags, entries of the stash, worktrees. Pictured, protected, and compared.

All of it is shared by a person and every worker. A picture is taken before a worker begins; what is gone or elsewhere
afterwards is kept under `refs/fleet/kept/`. For that the commits must still be there: until then one commit that has
all of them as parents protects them from a `git gc --prune=now`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from workers.git import HEADS, Git
from workers.worktree.branch import key_of
from workers.worktree.entry import entries
from workers.worktree.lock import has_one
from workers.worktree.stash import STASH, Stashed, stashed

KEPT = "refs/fleet/kept"
_PROTECTED = "refs/fleet/pictured"
_SHA1_DIGITS = 40
_NOT_PICTURED = ("refs/fleet/", "refs/remotes/", STASH)
"""Our own; what a fetch moves; the stash, whose entries are pictured."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A worktree that is not the fleet's own: its path, its commit, its branch (None: detached)."""

    head: str | None
    branch: str | None


@dataclass(frozen=True, slots=True)
class References:
    """Names in full, with what each is; entries of the stash, the newest first; worktrees by path."""

    refs: Mapping[str, str]
    stash: tuple[Stashed, ...] = ()
    trees: Mapping[str, Tree] = field(default_factory=dict)
    protected: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What protects pictures, when this one was taken; no part of it."""

    def text(self) -> str:
        head = {
            "stash": [asdict(one) for one in self.stash],
            "trees": {p: asdict(t) for p, t in self.trees.items()},
        }
        return "\n".join([json.dumps(head), *(f"{oid} {name}" for name, oid in self.refs.items())])

    @classmethod
    def read(cls, text: str) -> References:
        """Raises ValueError, KeyError, TypeError where it is none."""
        head, *lines = text.split("\n")
        said = json.loads(head)
        return cls(
            {name: oid for oid, _, name in (line.partition(" ") for line in lines)},
            tuple(Stashed(**one) for one in said["stash"]),
            {path: Tree(**tree) for path, tree in said["trees"].items()},
        )


def pictured(git: Git) -> References:
    """As it is now. Raises GitError, OSError."""
    listed = git.run("for-each-ref", "--format=%(objectname) %(refname)").lines
    refs: dict[str, str] = {}
    protected: dict[str, str] = {}
    has_stash = False
    for line in listed:
        oid, _, name = line.partition(" ")
        has_stash = has_stash or name == STASH
        if name.startswith(f"{_PROTECTED}/"):
            protected[name] = oid
        if not name.startswith(_NOT_PICTURED):
            refs[name] = oid
    return References(refs, stashed(git) if has_stash else (), dict(_trees(git)), protected)


def _trees(git: Git) -> Iterator[tuple[str, Tree]]:
    for entry in entries(git):
        # The fleet's own may be half made, or half removed.
        if not entry.main and not has_one(entry.path):
            yield str(entry.path), Tree(entry.head, entry.branch)


def protect(git: Git, picture: References, worktree: Path) -> References:
    """Lets git keep what the picture names until `release`, whatever is deleted meanwhile; gives the picture of that.
    Raises GitError."""
    branches = {oid for name, oid in picture.refs.items() if name.startswith(HEADS)}
    heads = {tree.head for tree in picture.trees.values() if tree.head}
    others = {oid for name, oid in picture.refs.items() if not name.startswith(HEADS)} - branches
    commits = sorted({*branches, *heads, *(one.commit for one in picture.stash), *_commits(git, others)})
    if not commits:
        return picture
    tree = _id_of("tree", b"", commits[0])
    nobody = "Fleet <fleet@localhost> 0 +0000"
    lines = [
        f"tree {tree}",
        *(f"parent {commit}" for commit in commits),
        f"author {nobody}",
        f"committer {nobody}",
    ]
    text = "\n".join(
        [*lines, "", "What was here before a worker began: kept from being pruned until it has ended", ""]
    ).encode()
    made = _id_of("commit", text, commits[0])
    if picture.protected.get(_protection(worktree)) == made:
        return picture
    if not picture.protected:  # else it is there, as theirs
        git.run("hash-object", "-t", "tree", "-w", "--stdin", stdin=b"")
    git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=text)
    git.run("update-ref", "-m", "fleet: pictured", _protection(worktree), made)
    return replace(picture, protected={**picture.protected, _protection(worktree): made})


def _id_of(kind: str, content: bytes, like: str) -> str:
    """git's name for it, in a repository that has a commit named like that."""
    named = hashlib.sha1 if len(like) == _SHA1_DIGITS else hashlib.sha256
    return named(b"%s %d\0%s" % (kind.encode(), len(content), content)).hexdigest()


def release(git: Git, worktree: Path) -> None:
    git.run("update-ref", "-d", _protection(worktree))


def _protection(worktree: Path) -> str:
    return f"{_PROTECTED}/{key_of(worktree)}"


def _commits(git: Git, oids: set[str]) -> set[str]:
    """The commits that these are, or that tags among them stand for."""
    if not oids:
        return set()
    asked = "".join(f"{oid}^{{commit}}\n" for oid in sorted(oids)).encode()
    said = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked).lines
    return {line.split(" ")[0] for line in said if line.endswith(" commit")}


def keep(git: Git, task: str, name: str, oid: str) -> str | None:
    """Keeps what `name` stood for; gives the reference, None when git has it no more. Can be repeated."""
    if not git.run("cat-file", "-e", oid, check=False).ok:
        return None
    ref = f"{KEPT}/{task}/{name.removeprefix('refs/')}@{oid[:8]}"
    git.run("update-ref", "-m", "fleet: keep", ref, oid)
    return ref


def moved(git: Git, name: str, to: str, was: str | None) -> bool:
    """Compare-and-swap; `was` None: it must not be there. False when somebody else was quicker."""
    return git.run(
        "update-ref", "--create-reflog", "-m", "fleet: put back", name, to, was or "0" * len(to), check=False
    ).ok
