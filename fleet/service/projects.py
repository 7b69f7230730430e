"""What a project is called: a name, or the repository that it is."""

from __future__ import annotations

from pathlib import Path

from fleet.service.requests import NotDone
from workers.git import GitError
from workers.worktree.repository import inspect


def expanded(path: str) -> Path:
    """The path with `~` filled in. Raises NotDone for the home of a user that there is none of."""
    try:
        return Path(path).expanduser()
    except RuntimeError as failed:
        raise NotDone(f"{path}: there is no such user's home") from failed


def project_name(said: str, base: Path | None = None) -> str:
    """What is written as a path is the repository there, by the path of its root (relative ones are relative to
    `base`); anything else is a name. Raises NotDone."""
    if "/" not in said and said not in (".", "..") and not said.startswith("~"):
        return said
    try:
        return str(inspect((base or Path()) / expanded(said)).root)
    except GitError as failed:
        raise NotDone(str(failed)) from failed
