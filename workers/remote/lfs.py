"""Large files (git-lfs): the objects that a commit points to, from home's store to a mirror's, and new ones home.

The host's git-lfs finds them in the mirror as it would after a download; it needs no server and no login.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from workers.git import Git, GitError, answer
from workers.plain_files import open_plain, reached, written
from workers.remote.disk_space import check_room
from workers.remote.mirror import Mirror
from workers.remote.quarantine import CONTENT_BYTES_MAX

PIECE_BYTES = 4 * 1024 * 1024
_PIECE_S = 600.0
_POINTER_BYTES_MAX = 1024
_AT_ONCE = 10_000
_POINTER = re.compile(
    r"^[0-9a-f]+ blob \d+\nversion https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    r"oid sha256:([0-9a-f]{64})\nsize (\d{1,15})$",
    re.MULTILINE,
)
SETTINGS = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
}
"""What `git lfs install` writes, without its hooks: nothing is ever pushed to a server from there."""


class LargeFilesMissing(GitError):
    """A commit's large files cannot be had, here or on the host; the message says what to do."""


class NoGitLfs(LargeFilesMissing):
    """The host has no git-lfs."""

    @property
    def of_the_host(self) -> bool:
        return True


@dataclass(frozen=True)
class Large:
    """What a pointer file says: the SHA-256 of the content, by which it is named, and its bytes."""

    oid: str
    size: int


def send_large_files(mirror: Mirror, commit: str, git_lfs: str | None) -> None:
    """Bring the large files of `commit`'s tree to the mirror; once for a connection. `git_lfs` is the version that the
    host has. Raises NoGitLfs, LargeFilesMissing, HostAway, OSError."""
    with mirror.once(("large files", commit)) as first:
        if not first or not _uses_lfs(mirror.git, commit):
            return
        if git_lfs is None:
            raise NoGitLfs(_no_git_lfs(mirror))
        store = _store(mirror)
        files = {large.oid: large for large in _in_tree(mirror.git, commit)}
        mirror.ask("mirror_config", {"set": SETTINGS})
        for oid in _missing_there(mirror, list(files)):
            if not store.has(oid):
                raise LargeFilesMissing(_not_here(mirror, commit, oid))
            with store.opened(oid) as file:
                _put(mirror, oid, file)


def bring_large_files(mirror: Mirror, commit: str, base: str) -> None:
    """Bring home the large files that the commits after `base` up to `commit`, which are home already, point to. Raises
    LargeFilesMissing, HostAway, NotToBeTrusted, OSError."""
    if not _uses_lfs(mirror.git, commit):
        return
    store = _store(mirror)
    found = {large.oid: large for large in _since(mirror.git, commit, base)}
    missing = [large for large in found.values() if not store.has(large.oid)]
    wanted = sum(large.size for large in missing)
    if wanted > CONTENT_BYTES_MAX:
        raise mirror.far.distrust(f"commit {commit[:12]}, whose new large files hold {wanted} bytes")
    if missing:
        store.root.mkdir(parents=True, exist_ok=True)
        check_room(store.root, wanted)
    for large in missing:
        _get(mirror, large, store)


def _uses_lfs(git: Git, commit: str) -> bool:
    return git.asks("grep", "-q", "-F", "filter=lfs", commit, "--", ":(top,glob)**/.gitattributes")


def _in_tree(git: Git, commit: str) -> Iterator[Large]:
    """By size first: no pointer is larger than a kilobyte, and few files of a tree are read."""
    listed = git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).fields
    blobs = (line.partition("\t")[0].split() for line in listed)
    return _pointers(git, (oid for _, kind, oid, size in blobs if kind == "blob" and _small(size)))


def _since(git: Git, commit: str, base: str) -> Iterator[Large]:
    words = ("rev-list", "--objects", "--no-object-names", commit, f"^{base}", "--")
    objects = "".join(f"{oid}\n" for oid in git.run(*words).lines)
    asked = git.run("cat-file", "--batch-check", stdin=objects.encode()).lines
    told = (line.split() for line in asked)
    return _pointers(git, (oid for oid, kind, size in told if kind == "blob" and _small(size)))


def _small(size: str) -> bool:
    return int(size) <= _POINTER_BYTES_MAX


def _pointers(git: Git, blobs: Iterable[str]) -> Iterator[Large]:
    """Some at a time: there may be millions that are as small."""
    names = iter(dict.fromkeys(blobs))
    while wanted := "".join(f"{oid}\n" for oid in islice(names, _AT_ONCE)):
        said = git.run("cat-file", "--batch", stdin=wanted.encode()).out
        yield from (Large(found[1], int(found[2])) for found in _POINTER.finditer(said))


@dataclass(frozen=True)
class _Store:
    """Where git-lfs keeps what it has of a repository here: `within` its `root`. Workers write there, too."""

    root: Path
    within: str

    def has(self, oid: str) -> bool:
        try:
            with self.opened(oid):
                return True
        except FileNotFoundError:
            return False

    @contextmanager
    def opened(self, oid: str) -> Iterator[BinaryIO]:
        """Raises FileNotFoundError where it is not there, OSError where something else is."""
        with reached(self.root, self._place(oid)) as (folder, name):
            fd = open_plain(name, os.O_RDONLY, folder)
        with os.fdopen(fd, "rb") as file:
            yield file

    @contextmanager
    def made(self, oid: str) -> Iterator[BinaryIO]:
        """A new one, to be written; it is there as the block ends well."""
        with reached(self.root, self._place(oid), make=True) as (folder, name), written(folder, name) as file:
            yield file

    def _place(self, oid: str) -> str:
        return f"{self.within}/{oid[:2]}/{oid[2:4]}/{oid}"


def _store(mirror: Mirror) -> _Store:
    own = answer(mirror.git, "config", "--type=path", "lfs.storage")
    if own.ok and own.out.startswith("/"):
        return _Store(Path(own.out), "objects")
    return _Store(
        mirror.place.common_dir, f"{os.path.normpath(own.out) if own.ok and own.out else 'lfs'}/objects"
    )


def _missing_there(mirror: Mirror, oids: list[str]) -> list[str]:
    missing: list[str] = mirror.ask("lfs_have", {"oids": oids}).values["missing"] if oids else []
    return missing


def _put(mirror: Mirror, oid: str, file: BinaryIO) -> None:
    """In pieces, so that neither side holds a large file in its memory."""
    size, offset = os.fstat(file.fileno()).st_size, 0
    while True:
        piece = file.read(PIECE_BYTES)
        last = offset + len(piece) >= size
        mirror.ask("lfs_put", {"oid": oid, "offset": offset, "last": last}, piece, timeout_s=_PIECE_S)
        offset += len(piece)
        if last:
            return


def _get(mirror: Mirror, large: Large, store: _Store) -> None:
    digest, offset = hashlib.sha256(), 0
    with store.made(large.oid) as file:
        while offset < large.size:
            piece = _piece(mirror, large, offset)
            digest.update(piece)
            file.write(piece)
            offset += len(piece)
        if digest.hexdigest() != large.oid:
            raise LargeFilesMissing(f"{_not_there(mirror, large)}: what it has is another content")


def _piece(mirror: Mirror, large: Large, offset: int) -> bytes:
    asked = {"oid": large.oid, "offset": offset, "length": min(PIECE_BYTES, large.size - offset)}
    try:
        piece = mirror.ask("lfs_get", asked, timeout_s=_PIECE_S).blob
    except FileNotFoundError as gone:
        raise LargeFilesMissing(_not_there(mirror, large)) from gone
    if not piece:
        raise LargeFilesMissing(f"{_not_there(mirror, large)}: what it has ends at byte {offset}")
    return piece


def _no_git_lfs(mirror: Mirror) -> str:
    return (
        f"{mirror.place.root} keeps large files with git-lfs, and host {mirror.far.name} has none: install it there "
        "(`apt install git-lfs`, `dnf install git-lfs` or `brew install git-lfs`)"
    )


def _not_here(mirror: Mirror, commit: str, oid: str) -> str:
    return (
        f"a large file of {commit[:12]} ({oid[:12]}, git-lfs) is not in {mirror.place.root}, so host "
        f"{mirror.far.name} cannot be given it: run `git lfs fetch origin {commit[:12]}` there (git-lfs must be "
        "installed), then try again"
    )


def _not_there(mirror: Mirror, large: Large) -> str:
    return f"host {mirror.far.name} made a commit with a large file ({large.oid[:12]}, git-lfs), but cannot give it"
