"""Ignored files a worktree needs and git does not bring: copied, or linked, from the user's checkout."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from workers.git import Git
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
            bring_copy(source, place)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(source, place, whole=path in may_be_brought)
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


def bring_copy(source: Path, place: Path) -> None:
    """Copy a file or a directory, with what is above it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True)
    else:
        shutil.copy2(source, place)


def _link(source: Path, place: Path, *, whole: bool) -> None:
    """A pattern like `node_modules/` ignores a directory but not a link: then the directory's entries are linked."""
    if whole or not source.is_dir():
        place.symlink_to(source)
        return
    place.mkdir()
    for entry in sorted(source.iterdir()):
        (place / entry.name).symlink_to(entry)
