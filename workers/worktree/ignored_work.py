"""Ignored files that are work: made or changed since the worktree was made ready, and no cache of a tool."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, answer
from workers.plain_files import plain
from workers.worktree.entry import git_dir
from workers.worktree.index_copy import as_stdin, copied, show_hidden
from workers.worktree.picture import EMPTY, Picture, read_picture, since

BYTES_MAX = 100 * 1024 * 1024
"""So much of one worktree is kept in git; what is larger is kept beside the worktree."""
FILES_MAX = 20_000
_SHOWN, _TOLD_MAX = 5, 1_000
"""Files, and characters in all, that a person is told of."""

_CACHES = frozenset(
    [
        "node_modules",
        "bower_components",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        ".eggs",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".gradle",
        ".cache",
        ".ccache",
        ".parcel-cache",
        ".turbo",
        ".next",
        ".nuxt",
        ".svelte-kit",
        ".terraform",
        ".dart_tool",
        ".DS_Store",
    ]
)
_DEPENDENCIES = frozenset(["node_modules", "bower_components", ".venv", "venv", ".tox", ".nox", ".eggs"])
_COMPILED = (".pyc", ".pyo")
_KEPT = (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK)
"""Not sockets, pipes and devices."""
_TAG = "CACHEDIR.TAG"
"""See https://bford.info/cachedir/: whoever makes a cache may say so (cargo does, in `target`)."""
_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"


@dataclass(frozen=True)
class IgnoredWork:
    """Plain files and links by path; the `.git` of repositories among them; bytes of it all. `tops` are the few paths
    below which all of that lies."""

    files: tuple[str, ...]
    repositories: tuple[str, ...]
    tops: tuple[str, ...]
    size: int

    @property
    def fits(self) -> bool:
        return self.size <= BYTES_MAX and len(self.files) <= FILES_MAX


def ignored_work(git: Git, picture: Picture | None) -> IgnoredWork:
    """What of the ignored files of a worktree, or of a repository in it, is work. Without a picture everything that is
    no cache may be. Raises GitFailed, OSError."""
    root = git.directory
    listed = git.run("ls-files", "--others", "--directory", "-z").fields
    if not listed:
        return IgnoredWork((), (), (), 0)
    found = since(root, listed, picture or EMPTY)
    others = git.run("ls-files", "--others", "--exclude-standard", "--directory", "-z").fields
    plain = {path.rstrip("/") for path in others}
    files: list[str] = []
    repositories: list[str] = []
    tops: list[str] = []
    size = 0
    for top in sorted({*found.new, *found.changed}):
        if top in plain or is_cache(root, top):
            continue
        before = len(files) + len(repositories)
        for path, about in below(root, top):
            if path.rpartition("/")[2] == ".git":
                repositories.append(path)
            elif _under(path, plain):
                continue
            else:
                files.append(path)
                size += about.st_size
        if len(files) + len(repositories) > before:
            tops.append(top)
    return IgnoredWork(tuple(files), tuple(repositories), tuple(tops), size)


def told_of_ignored(worktree: Path) -> str:
    """What of the work git does not take up: ignored files, each with the line by which git ignores it, and changed
    ones that are marked in the index; empty where there are none. Raises GitFailed, OSError."""
    git = Git(worktree)
    return "; ".join(filter(None, (_told_of_files(git), _told_of_marked(git))))


def _told_of_marked(git: Git) -> str:
    admin = git_dir(git.directory)
    with tempfile.TemporaryDirectory(prefix="fleet-marked-", dir=admin) as scratch:
        env = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        if not copied(admin, Path(scratch) / "index"):
            return ""
        show_hidden(git, env)
        words = ("diff", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=all", "-z")
        changed = git.run(*words, env=env).fields
    if not changed:
        return ""
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return (
        f"{', '.join(changed[:_SHOWN])[:_TOLD_MAX]}{more} (marked in git's index, so git does not look at what was "
        "changed: `git update-index --no-assume-unchanged --no-skip-worktree FILE` takes that off)"
    )


def _told_of_files(git: Git) -> str:
    files = ignored_work(git, read_picture(git_dir(git.directory))).files
    if not files:
        return ""
    words = ("check-ignore", "--verbose", "-z", "--stdin")
    said = answer(git, *words, stdin=as_stdin(files[:_SHOWN])).fields  # source, line, pattern, path of each
    parts = (said[start : start + 4] for start in range(0, len(said), 4))
    lines = {path: f" ({source}:{line}: {pattern})" for source, line, pattern, path in parts}
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    told = [f"{path}{lines.get(path, '')}" for path in files[:_SHOWN]]
    return f"{', '.join(told)[:_TOLD_MAX]}{more}"


def is_made_by_running(root: Path, path: str) -> bool:
    """Whether that path is a cache that whoever runs the dependencies makes, and not one of the dependencies."""
    inner = [part for part in path.split("/") if part not in _DEPENDENCIES]
    return is_cache(root, "/".join(inner))


def is_cache(root: Path, path: str) -> bool:
    """Whether that path of the worktree is a well-known cache or lies in one."""
    parts = path.split("/")
    if path.endswith(_COMPILED) or not _CACHES.isdisjoint(parts):
        return True
    return any(_tagged(root.joinpath(*parts[:count])) for count in range(1, len(parts) + 1))


def below(root: Path, top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Plain files, links, and each `.git`, of a path of the worktree, without what lies in caches. Raises OSError."""
    todo = [top]
    while todo:
        path = todo.pop()
        about = os.lstat(root / path)
        if stat.S_ISDIR(about.st_mode) and path.rpartition("/")[2] != ".git":
            if path == top or not _cache_itself(root, path):
                with os.scandir(root / path) as entries:
                    todo.extend(f"{path}/{entry.name}" for entry in entries)
        elif stat.S_IFMT(about.st_mode) in _KEPT and not path.endswith(_COMPILED):
            yield path, about


def _cache_itself(root: Path, path: str) -> bool:
    return path.rpartition("/")[2] in _CACHES or _tagged(root / path)


def _tagged(directory: Path) -> bool:
    try:
        with plain(directory / _TAG) as tag:
            return tag.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def _under(path: str, places: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:count]) in places for count in range(1, len(parts) + 1))
