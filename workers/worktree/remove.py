"""Remove worktrees, and never anything that is not in a commit.

A removal can be taken up again after any interruption: git's entry goes last, when the directory is empty. (`git
worktree remove` lets go of its entry first of all where it cannot delete a file, and then nobody knows the rest.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, GitError
from workers.plain_files import read_if_plain
from workers.private import write_whole
from workers.worktree.branch import claimed
from workers.worktree.deleting import BESIDE, beside, delete, make_writable, move
from workers.worktree.entry import Entry, admin_dir, entries, entry_at
from workers.worktree.ignored_work import ignored_work
from workers.worktree.known_again import known_again
from workers.worktree.lock import held
from workers.worktree.notes import KEPT_BESIDE, REMOVING
from workers.worktree.picture import read_picture
from workers.worktree.preserve import preserve, preserve_remains
from workers.worktree.repository import locate
from workers.worktree.set_aside import put_back

_NOTE_BYTES_MAX = 100_000


class RemoveRefused(GitError):
    """This is not a worktree that may be removed."""


@dataclass(frozen=True)
class Removed:
    """What became of one worktree. `preserved` is the commit with its loose work, `kept_at` a directory with what does
    not belong into git, `refused` why it is still there."""

    path: Path
    preserved: str | None = None
    refused: str | None = None
    kept_at: Path | None = None


def remove(repo: Path, worktree_path: Path, preserve_ref: str) -> Removed:
    """Preserve what is in no commit under `preserve_ref`, then remove the worktree. Its branch stays.

    Safe to repeat. Raises PreserveFailed (and then nothing was removed), RemoveRefused, WorktreeBusy, GitFailed.
    """
    place = locate(repo)
    path = worktree_path.absolute()
    with held(path) as lock_fd:
        put_back(path)
        git = Git(place.root, held_fds=(lock_fd,))
        known_again(git, place.common_dir, path)
        entry = entry_at(git, path)
        if entry is None:
            return _already_gone(git, path)
        _refuse_wrong(entry, place.root)
        admin = admin_dir(place.common_dir, path)
        if admin is None:
            raise RemoveRefused(f"git's own directory for {path} was not found: run `git worktree repair`")
        preserved = _preserve_once(entry, admin, preserve_ref)
        take_down(path)
        kept = _kept_beside(admin, path)
        kept_at = kept if kept is not None and kept.exists() else None
        for folder in [one for one in admin.iterdir() if one.is_dir()]:
            delete(folder)  # git itself gives up where directories are too deep
        git.run("worktree", "remove", "--force", "--force", str(path))
    return Removed(path, preserved, kept_at=kept_at)


def take_down(path: Path) -> None:
    """Delete all of a worktree but its `.git`, by which git knows it. Raises OSError."""
    if not path.is_dir():
        return
    make_writable(path)
    for child in sorted(path.iterdir()):
        if child.name != ".git":
            delete(child)
    if not any(path.iterdir()):
        path.rmdir()


def _already_gone(git: Git, path: Path) -> Removed:
    """Where git knows nothing (any more), nobody knows whether what is left is of worth: it is kept, under a name that
    is in nobody's way."""
    if not os.path.lexists(path):
        return Removed(path)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        return Removed(path)
    if (path / ".git").is_dir() or not claimed(git, path):
        raise RemoveRefused(
            f"{path} is not a worktree of {git.directory}, so it was left alone: look at what is in it"
        )
    kept = beside(path)
    make_writable(path)
    path.rename(kept)
    return Removed(path, kept_at=kept)


def _refuse_wrong(entry: Entry, root: Path) -> None:
    if entry.main or entry.bare:
        raise RemoveRefused(f"{entry.path} is the repository itself, not a worktree of it")
    if entry.lock_reason is not None and not entry.half_made:
        raise RemoveRefused(
            f"{entry.path} is locked ({entry.lock_reason or 'no reason given'}): if nobody needs the lock, run "
            f"`git -C {root} worktree unlock {entry.path}`"
        )


def _preserve_once(entry: Entry, admin: Path, ref: str) -> str | None:
    """A removal that was cut short has preserved all there was; what is left by then are only its own gaps."""
    noted = read_if_plain(admin / REMOVING, _NOTE_BYTES_MAX)
    if noted is not None:
        return noted.decode("utf-8", "replace").strip() or None
    if entry.missing and not (entry.path.is_dir() and any(entry.path.iterdir())):
        preserved = preserve_remains(admin, ref)
    else:
        preserved = preserve(entry.path, ref, ignored=True)
        keep_beside(entry.path, admin)
    write_whole(admin / REMOVING, (preserved or "").encode())
    return preserved


def keep_beside(path: Path, admin: Path) -> None:
    """Ignored work that is too much for git is moved next to the worktree."""
    work = ignored_work(Git(path), read_picture(admin))
    if work.fits:
        return
    kept = _kept_beside(admin, path) or beside(path)
    write_whole(admin / KEPT_BESIDE, os.fsencode(kept))
    kept.mkdir(parents=True, exist_ok=True)
    for top in work.tops:
        move(path, top, kept, top)


def _kept_beside(admin: Path, path: Path) -> Path | None:
    """Where it is already, if anywhere: beside the worktree, whatever else stands there."""
    noted = read_if_plain(admin / KEPT_BESIDE, _NOTE_BYTES_MAX)
    kept = None if noted is None else Path(os.fsdecode(noted))
    ours = kept is not None and kept.parent == path.parent and kept.name.startswith(f"{path.name}{BESIDE}")
    return kept if ours else None


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
