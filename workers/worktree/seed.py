"""Ignored files a worktree needs and git does not bring: copied, or linked, from the user's checkout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from workers.git import Git
from workers.plain_files import reached
from workers.worktree.deleting import delete, move
from workers.worktree.wanted import FILE, SettingsWrong, WorktreeSettings


def seed(settings: WorktreeSettings, checkout: Path | None, worktree: Path) -> list[str]:
    """Bring what `copy` and `link` name; gives a line for each that was not there to be brought.

    What the worktree already has is left alone. Raises SettingsWrong for a path that git does not ignore (it would be
    committed with the work) or that leads out of the repository through a link.
    """
    wanted = [*settings.copy_paths, *settings.link]
    if not wanted:
        return []
    if checkout is None:
        return [f"{path}: not brought, a bare repository has no checkout to take it from" for path in wanted]
    may_be_brought = ignored(Git(worktree), wanted)
    notes = []
    for path in wanted:
        source, place = checkout / path, worktree / path
        refuse_escape(checkout, source, path)
        refuse_escape(worktree, place, path)
        if place.exists() or place.is_symlink():
            continue
        if not source.exists():
            notes.append(f"{path}: not brought, {checkout} does not have it")
            continue
        _refuse_tracked(path, source, may_be_brought)
        if path in settings.copy_paths:
            bring_copy(source, worktree, path)
        else:
            _link(source, worktree, os.path.normpath(path), whole=path in may_be_brought)
    return notes


def ignored(git: Git, paths: Iterable[str]) -> set[str]:
    """Those git ignores, each asked for as a file (`x`) and as a directory (`x/`): patterns tell the two apart."""
    asked = "".join(f"{path.rstrip('/')}\0{path.rstrip('/')}/\0" for path in paths)
    # It also refuses a path that leads out through a link: nothing counts as ignored then, so nothing is brought.
    said = git.run(
        "check-ignore", "-z", "--stdin", stdin=asked.encode("utf-8", "surrogateescape"), check=False
    )
    return set(said.fields)


def refuse_escape(root: Path, place: Path, path: str) -> None:
    """Raises SettingsWrong where `place`, named as `path`, leads out of `root` through a link."""
    if leads_out(root, place):
        raise SettingsWrong(
            f"{FILE}: {path!r} leads out of {root} through a link: name a path that stays inside"
        )


def leads_out(root: Path, place: Path) -> bool:
    return not place.parent.resolve().is_relative_to(root.resolve())


def _refuse_tracked(path: str, source: Path, allowed: set[str]) -> None:
    name = path.rstrip("/")
    if name not in allowed and not (source.is_dir() and f"{name}/" in allowed):
        raise SettingsWrong(
            f"{FILE}: {path!r} is not ignored by git, so it would be committed with the work: add it to .gitignore"
        )


def bring_copy(source: Path, worktree: Path, path: str) -> None:
    """Copy a file or a directory, with what is above it. It is made beside the worktree, for in there a worker may lay
    links meanwhile."""
    beside = worktree.with_name(f".{worktree.name}.seed")
    delete(beside)
    try:
        if source.is_dir():
            shutil.copytree(source, beside, symlinks=True)
        else:
            shutil.copy2(source, beside)
        move(beside.parent, beside.name, worktree, os.path.normpath(path))
    finally:
        delete(beside)


def _link(source: Path, worktree: Path, path: str, *, whole: bool) -> None:
    """A pattern like `node_modules/` ignores a directory but not a link: then the directory's entries are linked."""
    if whole or not source.is_dir():
        with reached(worktree, path, make=True) as (folder, name):
            os.symlink(source, name, dir_fd=folder)
        return
    with reached(worktree, f"{path}/entry", make=True) as (folder, _):
        for entry in sorted(source.iterdir()):
            os.symlink(entry, entry.name, dir_fd=folder)
