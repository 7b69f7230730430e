"""What a command reads of a repository: the branch of HEAD, branches and their commits, what is checked out.

There are two readers, of which `gitpython_reader` starts no process. Which one is the better when stands in
CONTRIBUTING.md; both give the same answers, and nothing in a repository changes, not even its index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from workers.git import HEADS, Git, head_branch
from workers.worktree.checkouts import checkouts
from workers.worktree.repository import Place

_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|/$|(^|/)\.|\.$|\.lock(/|$)|^$")
"""What no branch's name has (git-check-ref-format(1)); some of it would be a pattern or an expression to git."""

_AT_ONCE = 1_000
"""So many references are named to one command, whose line has an end."""


class ReadsRepository(Protocol):
    """Reads one repository. Raises GitMissing, GitFailed."""

    @property
    def place(self) -> Place: ...

    def head_branch(self) -> str | None:
        """The branch that is checked out, without `refs/heads/`; None when HEAD is detached."""

    def branches(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the branches that there are, each with the commit it has now."""

    def checkouts(self) -> dict[str, Path]:
        """The branches that are checked out, or come back to, each with its worktree; see `checkouts.checkouts`."""

    def close(self) -> None:
        """Lets go of what was opened."""


class GitReader:
    """Reads with our git: a process for each question, two for any number of branches up to a thousand."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._git = Git(place.root)

    def head_branch(self) -> str | None:
        return head_branch(Git(self.place.checkout or self.place.root))

    def branches(self, names: Iterable[str]) -> dict[str, str]:
        asked = [f"{HEADS}{name}" for name in possible(names)]
        found: dict[str, str] = {}
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            said = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", *some)
            found.update((name, commit) for commit, name in (line.split(" ", 1) for line in said.lines))
        there = {name.removeprefix(HEADS): found[name] for name in asked if name in found}
        commits = self.commits(there.values())
        return {name: commit for name, commit in there.items() if commit in commits}

    def commits(self, ids: Iterable[str]) -> set[str]:
        """Those of the objects that are there and are commits."""
        asked = sorted(set(ids))
        lines = "".join(f"{one}\n" for one in asked).encode()
        kinds = self._git.run("cat-file", "--batch-check=%(objecttype)", stdin=lines).lines if asked else []
        return {one for one, kind in zip(asked, kinds, strict=True) if kind == "commit"}

    def checkouts(self) -> dict[str, Path]:
        return checkouts(self._git)

    def close(self) -> None:
        """There is nothing to let go of."""


def possible(names: Iterable[str]) -> list[str]:
    """Those that a branch could have, in order."""
    return sorted({name for name in names if not _NO_NAME.search(name)})
