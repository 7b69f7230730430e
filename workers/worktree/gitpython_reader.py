"""Reads a repository within this process, by GitPython. For commands at home that ask many repositories few questions.

It reads what git itself would read without a second thought: an ordinary checkout or a bare repository of the user's
own, in the first format. Of anything else `opened` says that git is to be asked: linked worktrees and submodules,
extensions (SHA-256, reftable, partial clones), configuration that includes other files, somebody else's repository.

GitPython starts git for many an innocent question. Here it cannot: it is given no git to start.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from configparser import Error as ConfigurationError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.git import HEADS
from workers.worktree.checkouts import comes_back_to
from workers.worktree.reader import GitReader, possible
from workers.worktree.repository import Place

if TYPE_CHECKING:
    from git import Repo

REFERENCES_MAX = 20
"""Of more branches of one repository git tells faster: GitPython reads all packed references for each."""

_HEEDED = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"})
"""Variables by which GitPython takes another repository, as in a hook. Our git is not told of them."""

_NO_GIT = os.devnull
_READ_BY_GIT = {"core", "extensions", "include", "includeif"}
"""Sections that say what the repository is. git takes their names in any case, GitPython as they are written."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
"""Of other keys git says that the configuration is broken (git-config(1))."""


class GitPythonReader:
    """Answers what it can, and asks git for the rest."""

    def __init__(self, repo: Repo, place: Place, head: str | None) -> None:
        self.place = place
        self._repo, self._head = repo, head
        self._git = GitReader(place)

    def head_branch(self) -> str | None:
        return self._head

    def branches(self, names: Iterable[str]) -> dict[str, str]:
        asked = possible(names)
        if len(asked) > REFERENCES_MAX:
            return self._git.branches(asked)
        try:
            there = {name: commit for name in asked if (commit := self._tip(name)) is not None}
            loose = {commit for commit in there.values() if self._is_loose_commit(commit)}
        except _unlike_git():
            return self._git.branches(asked)
        commits = loose | self._git.commits(set(there.values()) - loose)
        return {name: commit for name, commit in there.items() if commit in commits}

    def _tip(self, name: str) -> str | None:
        try:
            return self._repo.head.dereference_recursive(self._repo, f"{HEADS}{name}")
        except ValueError:  # there is none, or it is broken, which to git is the same
            return None

    def _is_loose_commit(self, commit: str) -> bool:
        """False also for one in a pack. GitPython has given up its own reading of packs ("security and performance
        issues", 3.2)."""
        odb, binary = self._repo.odb, bytes.fromhex(commit)
        return bool(odb.has_object(binary)) and odb.info(binary).type == b"commit"

    def checkouts(self) -> dict[str, Path]:
        if self.place.bare or (self.place.common_dir / "worktrees").exists():
            return self._git.checkouts()
        here = [*([] if self._head is None else [self._head]), *comes_back_to(self.place.root)]
        return dict.fromkeys(here, self.place.root)

    def close(self) -> None:
        self._repo.close()


def opened(path: Path) -> GitPythonReader | None:
    """A reader for the repository at or above `path`; None where git is to be asked, also for what to say when there is
    no repository."""
    start = Path(os.path.realpath(path))
    if not start.is_dir() or not _HEEDED.isdisjoint(os.environ):
        return None
    git = _gitpython()
    try:
        repo = git.Repo(start, odbt=git.db.LooseObjectDB, search_parent_directories=True, expand_vars=False)
    except (git.exc.GitError, *_unlike_git()):
        return None
    try:
        place = _place(git, repo, start)
        if place is not None:
            return GitPythonReader(repo, place, _head(repo))
    except _unlike_git():
        pass
    repo.close()
    return None


def _head(repo: Repo) -> str | None:
    if repo.head.is_detached:
        return None
    path = str(repo.head.reference.path)
    return path.removeprefix(HEADS) if path.startswith(HEADS) else None


def _place(git: Any, repo: Repo, start: Path) -> Place | None:
    """Where git would say that it lies; None where it might say something else."""
    git_dir = Path(repo.git_dir)
    settings = _settings(git, git_dir / "config")
    bare = settings is not None and settings.get("bare", "false").lower()
    if settings is None or "worktree" in settings or bare not in ("true", "false"):
        return None
    if settings.get("repositoryformatversion", "0") != "0":
        return None
    root = git_dir if bare == "true" else git_dir.parent
    # A `.git` that is a file or a link, a repository with its files elsewhere, a path inside of git's own directory.
    ordinary = bare == "true" or (git_dir.name == ".git" and not start.is_relative_to(git_dir))
    linked = any(one.is_symlink() for one in (git_dir, git_dir / "HEAD", git_dir / "refs"))
    if not ordinary or linked or (git_dir / "commondir").exists():
        return None
    stats = [one.stat() for one in (start, root, git_dir)]
    if any(one.st_dev != stats[0].st_dev for one in stats):
        return None  # git stops at the border of a file system
    if any(one.st_uid != os.geteuid() for one in stats[1:]):
        return None  # git asks for safe.directory
    return Place(root, git_dir, bare == "true", None if bare == "true" else root)


def _settings(git: Any, file: Path) -> Mapping[str, str] | None:
    """`core` of the repository's own configuration; None where that says more than GitPython understands."""
    found: dict[str, str] = {}
    with git.GitConfigParser(str(file), read_only=True, merge_includes=False) as configuration:
        for section in configuration.sections():
            kind = re.split("[ .]", section, maxsplit=1)[0].lower()
            keys = configuration.items_all(section)
            if (kind in _READ_BY_GIT and section != "core") or not all(
                _KEY.fullmatch(key) for key, _ in keys
            ):
                return None
            if section == "core":
                found = {key.lower(): str(values[-1]) for key, values in keys}
                if len(found) < len(keys):
                    return None  # one key in several spellings: which came last?
    return found


def _unlike_git() -> tuple[type[Exception], ...]:
    """What GitPython raises about files that it cannot read, or that are not as it thinks."""
    from git.exc import ODBError

    return (
        OSError,
        ValueError,
        AssertionError,
        IndexError,
        KeyError,
        TypeError,
        ConfigurationError,
        ODBError,
    )


def _gitpython() -> Any:
    """GitPython without a git. It looks for one as it is imported (`git version`, twice), and starts the one it has
    found wherever it likes; so it is told of one that cannot be started."""
    before = {
        name: os.environ.pop(name, None) for name in ("GIT_PYTHON_REFRESH", "GIT_PYTHON_GIT_EXECUTABLE")
    }
    os.environ |= {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": _NO_GIT}
    try:
        import git
        import git.db
        import git.exc
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
    git.Git.GIT_PYTHON_GIT_EXECUTABLE = _NO_GIT
    return git
