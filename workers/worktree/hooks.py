"""Hooks that lie beside the work and in no commit (husky sets `core.hooksPath` to such a directory): git brings none of
them into a worktree, and says nothing. So they are brought as seeds are, or a person is told.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, answer
from workers.worktree.seed import bring_copy, ignored, leads_out
from workers.worktree.wanted import FILE


@dataclass(frozen=True)
class Absent:
    """What `core.hooksPath` names and no commit has. `names` are the hooks in the person's `checkout`."""

    path: str
    checkout: Path
    names: tuple[str, ...]
    ignored: bool

    @property
    def story(self) -> str:
        return (
            f"core.hooksPath is {self.path}, which is in no commit, so git alone brings its hooks "
            f"({', '.join(self.names)}) into no worktree"
        )

    @property
    def cure(self) -> str:
        """What happens, or is to be done, so that they run in worktrees."""
        if self.ignored:
            return (
                f"they are copied from {self.checkout}; where they need more to run, let [worktree] setup of {FILE} "
                "make that (npm ci, say)"
            )
        if self.path.split("/")[0] == ".git":
            hooks = '"$(git rev-parse --absolute-git-dir)/hooks"'
            return f"name them in full: cd {shlex.quote(str(self.checkout))} && git config core.hooksPath {hooks}"
        return f"name {self.path} in .gitignore: then it is copied; or let [worktree] setup of {FILE} make it"


def absent_hooks(checkout: Path) -> Absent | None:
    """The hooks of a person's checkout that no worktree has by itself. Raises GitFailed."""
    git = Git(checkout)
    said = answer(git, "config", "--get", "core.hooksPath")
    if not said.ok or not said.out.strip("/") or said.out.startswith(("/", "~")):
        return None
    names = _names(checkout / said.out)
    if not names or leads_out(checkout, checkout / said.out):
        return None
    if git.run("ls-files", "-z", "--", f":(top,literal){said.out}").fields:
        return None
    path = said.out.rstrip("/")
    return Absent(path, checkout, names, bool({path, f"{path}/"} & ignored(git, [path])))


def bring_hooks(checkout: Path | None, worktree: Path) -> None:
    """Copy them, unless the worktree has such a directory by now: its setup may make it anew."""
    absent = absent_hooks(checkout) if checkout is not None else None
    if absent is None or not absent.ignored:
        return
    place = worktree / absent.path
    if not os.path.lexists(place) and not leads_out(worktree, place):
        bring_copy(absent.checkout / absent.path, worktree, absent.path)


def _names(folder: Path) -> tuple[str, ...]:
    """The hooks that git would run: executable files, of which samples are none."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple(
        one.name
        for one in files
        if one.is_file() and os.access(one, os.X_OK) and one.suffix not in (".sample", ".sh")
    )
