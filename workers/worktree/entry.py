"""The worktrees a repository knows, read from git's own list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workers.git import HEADS, Git, RunsGit


@dataclass(frozen=True)
class Entry:
    """One registered worktree. `branch` is a short name, None when detached; `lock_reason` is None when
    unlocked."""

    path: Path
    head: str | None
    branch: str | None
    lock_reason: str | None
    bare: bool = False
    main: bool = False

    @property
    def missing(self) -> bool:
        return not (self.path / ".git").exists() and not self.bare

    @property
    def half_made(self) -> bool:
        """git locks an entry with this reason while it makes the worktree, and removes the lock at the end."""
        return self.lock_reason == "initializing"


def entries(git: RunsGit) -> list[Entry]:
    """All worktrees of the repository, the main one first."""
    blocks = git.run("worktree", "list", "--porcelain").out.split("\n\n")
    return [_entry(block.splitlines(), first) for first, block in _numbered(blocks) if block.strip()]


def _numbered(blocks: list[str]) -> list[tuple[bool, str]]:
    return [(number == 0, block) for number, block in enumerate(blocks)]


def _entry(lines: list[str], main: bool) -> Entry:
    said = {key: value for key, _, value in (line.partition(" ") for line in lines)}
    head, branch = said.get("HEAD"), said.get("branch")
    return Entry(
        path=Path(said["worktree"]),
        head=None if head is None or not head.strip("0") else head,
        branch=branch.removeprefix(HEADS) if branch and branch.startswith(HEADS) else None,
        lock_reason=said.get("locked"),
        bare="bare" in said,
        main=main,
    )


def entry_at(git: RunsGit, path: Path) -> Entry | None:
    """The registered worktree at `path`, whether or not it is still there."""
    wanted = path.resolve()
    return next((entry for entry in entries(git) if entry.path.resolve() == wanted), None)


def admin_dir(common_dir: Path, path: Path) -> Path | None:
    """git's own directory for the linked worktree at `path`, found even when that directory is gone."""
    wanted = (path / ".git").resolve()
    for pointer in sorted(common_dir.glob("worktrees/*/gitdir")):
        try:
            named = pointer.read_text(errors="surrogateescape").strip()
        except FileNotFoundError:
            continue
        if Path(pointer.parent, named).resolve() == wanted:
            return pointer.parent
    return None


def named_in(worktree: Path) -> Path | None:
    """git's own directory, as the file `.git` of a linked worktree names it, whether or not it is there; None where
    there is no such file."""
    try:
        said = (worktree / ".git").read_text(errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    name = said.partition("gitdir: ")[2].rstrip("\n") if said.startswith("gitdir: ") else ""
    return worktree / name if name else None


def git_dir(worktree: Path) -> Path:
    """git's own directory of the worktree. Raises GitFailed when it is none."""
    return Path(Git(worktree).said("rev-parse", "--absolute-git-dir"))
