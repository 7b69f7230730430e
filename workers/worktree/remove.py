"""Remove worktrees, and never anything that is not in a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, GitError
from workers.worktree.entry import Entry, admin_dir, entries, entry_at
from workers.worktree.lock import held
from workers.worktree.preserve import preserve, preserve_remains
from workers.worktree.repository import locate

_REMOVING = "fleet-removing"


class RemoveRefused(GitError):
    """This is not a worktree that may be removed."""


@dataclass(frozen=True)
class Removed:
    """What became of one worktree. `preserved` is the commit with its loose work, `refused` why it is still there."""

    path: Path
    preserved: str | None = None
    refused: str | None = None


def remove(repo: Path, worktree_path: Path, preserve_ref: str) -> Removed:
    """Preserve what is in no commit under `preserve_ref`, then remove the worktree. Its branch stays.

    Safe to repeat. Raises PreserveFailed (and then nothing was removed), RemoveRefused, WorktreeBusy, GitFailed.
    """
    place = locate(repo)
    path = worktree_path.absolute()
    with held(path) as lock_fd:
        git = Git(place.root, held_fds=(lock_fd,))
        entry = entry_at(git, path)
        if entry is None:
            return _already_gone(path, place.root)
        _refuse_wrong(entry, place.root)
        preserved = _preserve_once(entry, admin_dir(place.common_dir, path), preserve_ref)
        if entry.missing and path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        git.run("worktree", "remove", "--force", "--force", str(path))
    return Removed(path, preserved)


def _already_gone(path: Path, root: Path) -> Removed:
    if path.exists() and any(path.iterdir()):
        raise RemoveRefused(
            f"{path} is not a worktree of {root}, so it was left alone: look at what is in it"
        )
    return Removed(path)


def _refuse_wrong(entry: Entry, root: Path) -> None:
    if entry.main or entry.bare:
        raise RemoveRefused(f"{entry.path} is the repository itself, not a worktree of it")
    if entry.lock_reason is not None and not entry.half_made:
        raise RemoveRefused(
            f"{entry.path} is locked ({entry.lock_reason or 'no reason given'}): if nobody needs the lock, run "
            f"`git -C {root} worktree unlock {entry.path}`"
        )


def _preserve_once(entry: Entry, admin: Path | None, ref: str) -> str | None:
    """A removal that was cut short has preserved all there was; what is left by then are only its own gaps."""
    if admin is None:
        raise RemoveRefused(f"git's own directory for {entry.path} was not found: run `git worktree repair`")
    note = admin / _REMOVING
    if note.exists():
        return note.read_text().strip() or None
    gone = entry.missing and not (entry.path.is_dir() and any(entry.path.iterdir()))
    preserved = preserve_remains(admin, ref) if gone else preserve(entry.path, ref)
    note.write_text(preserved or "")
    return preserved


def listing(repo: Path) -> list[Entry]:
    """The worktrees of the repository besides its own checkout."""
    return [entry for entry in entries(Git(locate(repo).root)) if not entry.main]


def prune(repo: Path, worktrees: Mapping[Path, str]) -> list[Removed]:
    """Remove exactly the worktrees that are named, each with the reference its loose work is preserved under.

    One that is refused does not keep the others: its reason is in the answer.
    """
    return [_removed_or_why(repo, path, ref) for path, ref in worktrees.items()]


def _removed_or_why(repo: Path, path: Path, ref: str) -> Removed:
    try:
        return remove(repo, path, ref)
    except (GitError, OSError) as error:
        return Removed(path, refused=str(error))
