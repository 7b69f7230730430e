"""What a person has agreed to of each repository's shared configuration, hooks and info: a file each, in the home.

While no worker runs in a repository, what is there is its person's, and agreed to. From the start of a worker on it
must stay as it is: a change is told and holds all further work there, until it is undone or allowed by a person.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.git import GitError
from workers.private import write_whole
from workers.worktree.repository import common_dir_of
from workers.worktree.shared import Picture, SharedChanged, changes, take_picture

_beginning_or_resting = threading.Lock()
"""A worker may be about to begin while it is found that none is left."""


@dataclass(frozen=True, slots=True)
class _AgreedPicture:
    """`watched`: a worker may have been there since; what is there now may be its doing."""

    picture: Picture
    watched: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """`folder` is where the files lie."""

    folder: Path

    def before_worktree(self, repo: Path) -> None:
        """Before a worktree is made or taken up for a worker. Raises SharedChanged, and other GitErrors and OSErrors
        when nothing can be told."""
        with _beginning_or_resting:
            common_dir, kept = self._of(repo)
            if kept is None or not kept.watched:
                self._write(repo, common_dir, _AgreedPicture(take_picture(common_dir), watched=True))
            else:
                _compare(repo, common_dir, kept)

    def after_setup(self, repo: Path) -> None:
        """What a repository's own setup commands have installed (hooks, often) belongs to it. Raises GitError and
        OSError."""
        common_dir, kept = self._of(repo)
        picture = take_picture(common_dir, kept.picture if kept else None)
        if kept is None or changes(kept.picture, picture):
            self._write(repo, common_dir, _AgreedPicture(picture, watched=True))

    def before_git(self, repo: Path) -> None:
        """Before git works on what a worker may have left. Raises like `before_worktree`."""
        common_dir, kept = self._of(repo)
        if kept is not None and kept.watched:
            _compare(repo, common_dir, kept)

    def rest(self, repo: Path, in_use: Callable[[], bool]) -> None:
        """From here on changes are its person's, if nothing has changed and no worker is there, which `in_use` tells:
        it must know of each before `before_worktree` is called for it. Raises like `before_worktree`."""
        with _beginning_or_resting:
            common_dir, kept = self._of(repo)
            if kept is not None and kept.watched and not in_use():
                _compare(repo, common_dir, kept)
                self._write(repo, common_dir, _AgreedPicture(kept.picture, watched=False))

    def watched(self) -> set[Path]:
        """The repositories in which a worker may have been since a person's changes were last believed. One of which
        that cannot be read is not told here, but by all that is to be done there."""
        found = set()
        for file in self.folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                said = json.loads(file.read_text(encoding="utf-8"))
                if said["watched"] is not False:
                    found.add(Path(said["repository"]))
        return found

    def now(self, repo: Path) -> tuple[Picture, list[str]]:
        """What is there now, and what of it has changed since workers began there, in words. Raises GitError,
        OSError."""
        kept = self._readable(repo)
        picture = take_picture(common_dir_of(repo))
        return picture, changes(kept.picture, picture) if kept else []

    def allow(self, repo: Path, picture: Picture) -> None:
        """A person agrees to what they were shown. Raises GitError, OSError."""
        kept = self._readable(repo)
        self._write(
            repo, common_dir_of(repo), _AgreedPicture(picture, watched=kept is not None and kept.watched)
        )

    def _readable(self, repo: Path) -> _AgreedPicture | None:
        try:
            return self._of(repo)[1]
        except Unreadable:
            return None

    def _of(self, repo: Path) -> tuple[Path, _AgreedPicture | None]:
        common_dir = common_dir_of(repo)
        file = self._file(common_dir)
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            picture = {str(name): str(digest) for name, digest in said["picture"].items()}
            return common_dir, _AgreedPicture(picture, said["watched"] is not False)
        except FileNotFoundError:
            return common_dir, None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as failed:
            raise Unreadable(
                f"{file} cannot be read ({failed}), so nobody can tell whether {repo} is as it was: look at its "
                f"configuration and hooks, then run `fleet project allow {repo}`"
            ) from None

    def _file(self, common_dir: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:16]}.json"

    def _write(self, repo: Path, common_dir: Path, kept: _AgreedPicture) -> None:
        file = self._file(common_dir)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        said = {"repository": str(repo), "watched": kept.watched, "picture": dict(kept.picture)}
        write_whole(file, json.dumps(said).encode("utf-8", "surrogateescape"))


class Unreadable(GitError):
    """There is a file, but no picture in it."""


def _compare(repo: Path, common_dir: Path, kept: _AgreedPicture) -> None:
    found = changes(kept.picture, take_picture(common_dir, kept.picture))
    if found:
        raise SharedChanged(repo, found)
