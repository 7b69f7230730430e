"""What is in no commit is set aside while the gate judges the commit, and put back where it was.

It is renamed to a place beside the worktree, on the same file system, so the size of it does not count. A journal is on
the disk before the first file moves: after a crash at any instant whoever uses the worktree next puts everything back.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workers.git import Git, GitError
from workers.plain_files import if_plain, open_plain, reached
from workers.worktree.deleting import delete, delete_below, give_back, mode_to_give, move
from workers.worktree.entry import git_dir
from workers.worktree.ignored_work import is_cache, is_made_by_running
from workers.worktree.index_copy import as_stdin, copied, show_hidden
from workers.worktree.inner_repositories import above_of, repositories_among
from workers.worktree.picture import Since, read_picture, since, submodules, untracked

_JOURNAL = "journal.json"
_FILES = "files"
_CLEARED = "cleared"
"""Is there once the files are gone that the gate alone had: from then on what lies in their place is the session's."""


class NotTheCommit(GitError):
    """The worktree cannot be made what its commit says; only its session, or a person, can."""


@dataclass(frozen=True)
class SetAside:
    """What was set aside. `loose` was in no commit, `edits` are files of the commit that lay there otherwise, or not
    at all; `disturbed` is what the set-up had made, or among that: it may be wanted as it was."""

    loose: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()


@dataclass
class _Part:
    """One repository of the worktree: itself, or a submodule at `prefix`; `index` is a copy that has what HEAD has."""

    git: Git
    prefix: str
    index: Path
    edits: list[str]
    absent: list[str]


def set_aside(worktree: Path) -> SetAside:
    """Leave in the worktree what its commit has and what was there when it was made ready, and nothing else.

    The caller holds the worktree's lock, and calls `put_back` afterwards. Ignored files of a worktree without a picture
    stay: nobody knows who made them. Raises NotTheCommit, GitFailed, OSError.
    """
    put_back(worktree)
    with tempfile.TemporaryDirectory(prefix="fleet-gate-", dir=git_dir(worktree)) as scratch:
        loose, disturbed, parts = _found(worktree, Path(scratch))
        edits = [f"{part.prefix}{path}" for part in parts for path in part.edits]
        absent = [f"{part.prefix}{path}" for part in parts for path in part.absent]
        told = tuple(path for path in loose if not is_cache(worktree, path) and not path.endswith("/.git"))
        if loose or edits or absent:
            _move(worktree, [*loose, *edits], absent)
        for part in parts:
            _check_out(part)
    return SetAside(told, (*edits, *absent), tuple(disturbed))


def put_back(worktree: Path) -> bool:
    """Bring back what was set aside, whatever lies there by now; whether there was anything. Can be repeated. Raises
    OSError."""
    place = _place(worktree)
    if not place.is_dir():
        return False
    try:
        journal = json.loads((place / _JOURNAL).read_bytes())
    except FileNotFoundError:
        delete(place)  # nothing has moved yet, or everything is back
        return False
    worktree.mkdir(parents=True, exist_ok=True)
    for path in [] if (place / _CLEARED).exists() else journal["absent"]:
        delete_below(worktree, path)
    (place / _CLEARED).touch()
    for number, path in reversed(list(enumerate(journal["moves"]))):
        if os.path.lexists(place / _FILES / str(number)):
            # What was made in the way of a file that comes back loses.
            move(place / _FILES, str(number), worktree, path, make_way=True)
    for path, mode in journal["modes"].items():
        give_back(worktree, path, mode)
    (place / _JOURNAL).unlink()
    delete(place)
    return True


@contextmanager
def plain_aside(worktree: Path, path: str) -> Iterator[BinaryIO | None]:
    """That file, to be read while it, or a directory above it, is set aside; None when it is not, or is no plain file.
    A worker that lives on may still change what is in such a directory."""
    place = _place(worktree)
    moves: list[str] = json.loads((place / _JOURNAL).read_bytes())["moves"]
    top = next((one for one in (path, *above_of(path)) if one in moves), None)
    with ExitStack() as opened:
        file = None
        with if_plain():
            if top is not None:
                within = f"{moves.index(top)}{path[len(top) :]}"
                folder, name = opened.enter_context(reached(place / _FILES, within))
                file = opened.enter_context(os.fdopen(open_plain(name, os.O_RDONLY, folder), "rb"))
        yield file


def _place(worktree: Path) -> Path:
    return worktree.with_name(f".{worktree.name}.aside")


def _found(worktree: Path, scratch: Path) -> tuple[list[str], list[str], list[_Part]]:
    """Loose paths, those that disturb what the set-up made, and the repositories with what differs from their HEAD."""
    top, tracked = _part(Git(worktree), "", scratch)
    picture = read_picture(git_dir(worktree))
    env = {"GIT_INDEX_FILE": str(top.index)}
    if picture is not None:
        changes = since(worktree, untracked(top.git, env), picture)
    else:
        words = ("ls-files", "--others", "--exclude-standard", "--directory", "-z")
        changes = Since(new=[path.rstrip("/") for path in top.git.run(*words, env=env).fields])
    parts = [top, *_submodules(top, scratch)]
    pictured = picture.directories if picture is not None else frozenset()
    disturbed = [
        *changes.changed,
        *changes.missing,
        *(path for path in changes.new if path.rpartition("/")[0] in pictured),
    ]
    inner = repositories_among(worktree, tracked, [part.prefix.rstrip("/") for part in parts])
    loose = [*changes.new, *changes.changed, *(f"{path}/.git" for path in inner)]
    for part in parts:
        _compare(part, {path[len(part.prefix) :] for path in loose if path.startswith(part.prefix)})
    return loose, [path for path in disturbed if not is_made_by_running(worktree, path)], parts


def _part(git: Git, prefix: str, scratch: Path) -> tuple[_Part, list[str]]:
    """The repository, and what is tracked in it."""
    index = scratch / f"index-{len(list(scratch.iterdir()))}"
    env = {"GIT_INDEX_FILE": str(index)}
    copied(git_dir(git.directory), index)
    git.run("read-tree", "--reset", "HEAD", env=env)
    tracked = show_hidden(git, env)
    return _Part(git, prefix, index, [], []), tracked


def _submodules(outer: _Part, scratch: Path) -> Iterable[_Part]:
    for path in submodules(outer.git):
        part, _ = _part(Git(outer.git.directory / path), f"{outer.prefix}{path}/", scratch)
        yield part
        yield from _submodules(part, scratch)


def _compare(part: _Part, loose: set[str]) -> None:
    """Which files of HEAD lie there otherwise, or not at all."""
    words = (
        "diff",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--ignore-submodules=dirty",
        "-z",
    )
    for path in part.git.run(*words, env={"GIT_INDEX_FILE": str(part.index)}).fields:
        place = part.git.directory / path
        if path in loose or not loose.isdisjoint(above_of(path)) or not os.path.lexists(place):
            part.absent.append(path)
        elif (place / ".git").exists() and not place.is_symlink():
            raise NotTheCommit(
                f"the repository {part.prefix}{path} stands at another commit than your work's commit names: commit "
                f"that with `git add {part.prefix}{path}`, or go back with `git submodule update {part.prefix}{path}`"
            )
        else:
            part.edits.append(path)


def _check_out(part: _Part) -> None:
    paths = [*part.edits, *part.absent]
    if paths:
        words = ("checkout-index", "--force", "--quiet", "-z", "--stdin")
        part.git.run(*words, stdin=as_stdin(paths), env={"GIT_INDEX_FILE": str(part.index)})


def _move(worktree: Path, moves: list[str], absent: list[str]) -> None:
    place = _place(worktree)
    (place / _FILES).mkdir(parents=True)
    _write(place / _JOURNAL, {"moves": moves, "absent": absent, "modes": _modes(worktree, moves)})
    for number, path in enumerate(moves):
        move(worktree, path, place / _FILES, str(number))


def _modes(worktree: Path, moves: list[str]) -> dict[str, int]:
    """The directories that must be made writable for it, with their modes."""
    touched = {place for path in moves for place in (path, path.rpartition("/")[0])}
    modes = ((path, mode_to_give(worktree / path)) for path in sorted(touched))
    return {path: mode for path, mode in modes if mode is not None}


def _write(file: Path, journal: object) -> None:
    """On the disk before anything moves."""
    draft = file.with_name(f"{file.name}.tmp")
    with draft.open("w") as written:
        json.dump(journal, written)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
