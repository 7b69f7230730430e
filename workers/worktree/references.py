"""What branches a repository has, at which commits."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workers.git import HEADS, RunsGit

_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
"""What no branch's name has (git-check-ref-format(1)), and git would take for a pattern or an expression."""

_AT_ONCE = 1_000
"""So many references are named to one command, whose line has an end."""


def branches(git: RunsGit, names: Iterable[str]) -> dict[str, str]:
    """Those of the branches that there are, each with the commit it has now; two commands for up to a thousand."""
    asked = sorted({f"{HEADS}{name}" for name in names if name and not _NO_NAME.search(name)})
    found: dict[str, str] = {}
    for start in range(0, len(asked), _AT_ONCE):
        said = git.run("for-each-ref", "--format=%(objectname) %(refname)", *asked[start : start + _AT_ONCE])
        found.update((name, commit) for commit, name in (line.split(" ", 1) for line in said.lines))
    there = [name for name in asked if name in found]
    commits = "".join(f"{found[name]}\n" for name in there).encode()
    kinds = git.run("cat-file", "--batch-check=%(objecttype)", stdin=commits).lines
    return {
        name.removeprefix(HEADS): found[name]
        for name, kind in zip(there, kinds, strict=True)
        if kind == "commit"
    }


def branch_names(git: RunsGit, count_max: int) -> list[str]:
    """The first of all branches, in order."""
    said = git.run("for-each-ref", f"--count={count_max}", "--format=%(refname)", HEADS)
    return [name.removeprefix(HEADS) for name in said.lines]
