"""Where what a host sends lies until it was looked at: beside the objects of the repository, which does not see it yet.

git's own `fetch` writes into the repository as the bytes come, and leaves there what was cut off. So it is run dry,
with the objects in a directory of their own, as git's receiving end does it. What was looked at is moved in, and only
then home itself moves the references that it named: a host never does. The directory's name is one that `git gc` takes
for what it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from workers.git import Git, GitFailed, SaidTooMuch
from workers.remote.disk_space import check_room
from workers.worktree.repository import common_dir_of

LISTED_BYTES_MAX = 256_000_000
"""So long a list of a commit's files, or of new objects, may be: some millions of them."""
CONTENT_BYTES_MAX = 64 * 1024**3
"""So much may the new files of a commit hold, laid out on a disk. What is sent may be a thousandth of it."""
_PREFIX = "tmp_objdir-fleet-"


class Unfit(Exception):
    """What came is not what a far end of ours sends; the message says what it was."""


@contextmanager
def quarantine(git: Git) -> Iterator[Quarantine]:
    """A new one in `git`'s repository, which is gone afterwards with all that was not let in. Raises GitFailed,
    OSError."""
    objects = _objects(git.directory)
    _clear(objects)
    place = Path(tempfile.mkdtemp(dir=objects, prefix=_PREFIX))
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield Quarantine(git, objects, place, fd)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(fd)


def _objects(directory: Path) -> Path:
    """Of a checkout, or of a git directory: a submodule's, say."""
    itself = (directory / "HEAD").is_file() and (directory / "objects").is_dir()
    return (directory if itself else common_dir_of(directory)) / "objects"


def _clear(objects: Path) -> None:
    """Those of a home that was killed. One that is in use is held, by the git as well that it was handed to."""
    for place in objects.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(fd)


class Quarantine:
    """`env` makes a git put new objects there. `fd` keeps it from being cleared away: to be inherited by that git."""

    def __init__(self, git: Git, objects: Path, place: Path, fd: int) -> None:
        self._git, self._objects, self.place, self.fd = git, objects, place, fd
        self.env: Mapping[str, str] = {
            "GIT_OBJECT_DIRECTORY": str(place),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(str(objects)),
        }

    def look_at(self, commits: Iterable[str]) -> None:
        """Raises Unfit for what must not be let in, OSError where there is no room for it, GitError."""
        names = sorted(set(commits))
        new = self._new()
        for name in names:
            kind = new[name][0] if name in new else self._git.run("cat-file", "-t", name, check=False).out
            if kind != "commit":
                raise Unfit(f"object {name[:12]} as a commit, which it is not")
        self._expect_whole(names)
        sizes = {name: size for name, (kind, size) in new.items() if kind == "blob"}
        for name in names:
            self._expect_fitting(name, sizes)

    def _expect_whole(self, names: list[str]) -> None:
        """git has asked that, too, but not of a commit where the host says that its history ends."""
        words = (
            "rev-list",
            "--objects",
            "--quiet",
            "--missing=allow-promisor",
            *names,
            "--not",
            "--all",
            "--",
        )
        whole = self._git.run(*words, check=False, env=self.env)
        if not whole.ok:
            raise Unfit(f"commits {', '.join(name[:12] for name in names)} without all that belongs to them")

    def _new(self) -> dict[str, tuple[str, int]]:
        """The kinds and sizes of the objects that have come, by their ids."""
        words = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
        told = self._bounded("a list of new objects", *words, env={"GIT_OBJECT_DIRECTORY": str(self.place)})
        return {name: (kind, int(size)) for name, kind, size in map(str.split, told)}

    def _expect_fitting(self, name: str, sizes: Mapping[str, int]) -> None:
        """One tree may stand in a commit a million times, and one file, so that a little unfolds to more than any disk
        holds."""
        listed = self._bounded(
            f"a list of the files of {name[:12]}", "ls-tree", "-r", "--full-tree", name, env=self.env
        )
        new = Counter(oid for oid in (line.split(None, 3)[2] for line in listed) if oid in sizes)
        content = sum(sizes[oid] * times for oid, times in new.items())
        if content > CONTENT_BYTES_MAX:
            raise Unfit(f"commit {name[:12]}, whose new files hold {content} bytes")
        check_room(self._objects, content)

    def _bounded(self, what: str, *words: str, env: Mapping[str, str]) -> list[str]:
        try:
            said = self._git.bounded(LISTED_BYTES_MAX, *words, env=env)
        except SaidTooMuch:
            raise Unfit(f"{what} of more than {LISTED_BYTES_MAX} bytes") from None
        if not said.ok:
            raise GitFailed(words, self._git.directory, said.code, said.err)
        return said.lines

    def let_in(self) -> None:
        """Moves all of it to the repository's objects; indices last, as a pack counts from then on. Raises OSError."""
        files = [
            path for path in self.place.rglob("*") if path.is_file() and not path.name.startswith("tmp_")
        ]
        for path in sorted(files, key=lambda path: path.suffix == ".idx"):
            target = self._objects / path.relative_to(self.place)
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                path.replace(target)


def _quoted(path: str) -> str:
    """As git wants it in a list that is parted by colons."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
