"""The record of a worktree that was made ready, kept in git's own directory for it, so that it goes when that
goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.private import write_whole
from workers.worktree.notes import READY


@dataclass(frozen=True)
class Ready:
    """Written last: a worktree without this record was not finished. `branch` is None in a landing worktree."""

    branch: str | None
    base_commit: str
    setup_output: str = ""


def read_ready(admin: Path) -> Ready | None:
    """The record, None when there is none (or it was cut short: then the worktree counts as not finished)."""
    try:
        stored = json.loads((admin / READY).read_bytes())
        ready = Ready(stored["branch"], stored["base_commit"], stored.get("setup_output", ""))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (ready.base_commit, ready.setup_output, "" if ready.branch is None else ready.branch)
    return ready if all(isinstance(text, str) for text in texts) else None


def ready_at(repo_path: Path, worktree_path: Path) -> Ready | None:
    """The record of a finished worktree of that repository at `worktree_path`, read without starting git (three
    commands, a tenth of a failover). None also where only git can tell: `repo_path` is no top of a repository, say."""
    try:
        pointer = (worktree_path / ".git").read_text()
        admin = worktree_path / pointer.removeprefix("gitdir: ").rstrip("\n")
        back = admin / (admin / "gitdir").read_text().rstrip("\n")
        common = admin / (admin / "commondir").read_text().rstrip("\n")
        ours = any(top.is_dir() and top.samefile(common) for top in (repo_path / ".git", repo_path))
        if (
            pointer.startswith("gitdir: ")
            and ours
            and back.samefile(worktree_path / ".git")
            and (admin / "HEAD").stat().st_size
        ):
            return read_ready(admin)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
        return None
    return None


def write_ready(admin: Path, ready: Ready) -> None:
    """Write the record whole or not at all. Raises OSError."""
    write_whole(admin / READY, json.dumps(asdict(ready)).encode(), durable=True)
