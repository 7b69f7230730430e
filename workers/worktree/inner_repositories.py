"""Repositories inside a worktree that are no submodules of it: a session has cloned or made them.

git would commit such a one as the mere id of a commit that nobody else has (mode 160000), and a clone of the work would
have an empty directory there. So the work gets its files.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from workers.git import Git, GitFailed, answer
from workers.worktree.ignored_work import below
from workers.worktree.index_copy import as_stdin

_AS_COMMIT = "160000 "


def bring_in(git: Git, base: str | None) -> list[str]:
    """Put the files of all inner repositories into the index, at any depth. What `base` has already is the person's.

    Gives the places that stay the bare id of a commit, as no files are there. Raises GitFailed, OSError.
    """
    others = git.run("ls-files", "--others", "--exclude-standard", "-z").fields
    strangers = [path.rstrip("/") for path in others if path.endswith("/")]
    links = _bare_links(git, base)
    there = [path for path in links if (git.directory / path / ".git").exists()]
    if there:
        git.run("update-index", "--force-remove", "-z", "--stdin", stdin=as_stdin(there))
    for path in [*strangers, *there]:
        files = sorted(_files(git, path))
        if files:
            git.run("update-index", "--add", "-z", "--stdin", stdin=as_stdin(files))
    return [path for path in links if path not in there]


def repositories_among(root: Path, tracked: Collection[str], submodules: Collection[str]) -> list[str]:
    """Directories of tracked files that are repositories of their own by now, and no submodules."""
    directories = {above for path in tracked for above in above_of(path)}.difference(submodules)
    return [path for path in sorted(directories) if os.path.lexists(root / path / ".git")]


def above_of(path: str) -> Iterator[str]:
    """The directories above a path, the topmost first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _bare_links(git: Git, base: str | None) -> list[str]:
    """What the index has as the id of a commit, without a word in .gitmodules."""
    staged = git.run("ls-files", "--stage", "-z").fields
    links = {line.partition("\t")[2] for line in staged if line.startswith(_AS_COMMIT)}
    if links and (git.directory / ".gitmodules").is_file():
        words = ("config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
        links.difference_update(field.partition("\n")[2] for field in answer(git, *words).fields)
    if links and base:
        listed = git.run("ls-tree", "-r", "-z", "--full-tree", base).fields
        links.difference_update(line.partition("\t")[2] for line in listed if line.startswith(_AS_COMMIT))
    return sorted(links)


def _files(git: Git, path: str) -> Iterator[str]:
    """What the inner repository takes for its files, and those inside it for theirs; of a broken one, all."""
    words = ("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    try:
        listed = dict.fromkeys(Git(git.directory / path).run(*words).fields)
    except GitFailed:
        yield from (name for name, _ in below(git.directory, path) if not name.endswith("/.git"))
        return
    for name in listed:
        place = git.directory / path / name
        if place.is_dir() and not place.is_symlink():
            yield from _files(git, f"{path}/{name.rstrip('/')}")
        elif os.path.lexists(place):
            yield f"{path}/{name}"
