"""Bare mirrors of home's repositories on this host, and the large files in them. Travels.

`mirror` is a mirror's name. What goes to and fro between mirror and home goes by git itself, on channels of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from workers.far.ops import Answer, Args, Here, Op
from workers.git import Git, answer
from workers.plain_files import open_plain, reached
from workers.worktree.lock import held

_SETTINGS = """\
[uploadpack]
\tallowAnySHA1InWant = true
[receive]
\tdenyCurrentBranch = ignore
[core]
\tlogAllRefUpdates = true
[fleet]
\tmirror = 1
"""
_OID = re.compile(r"[0-9a-f]{64}")


def mirror(here: Here, args: Args, _: bytes) -> Answer:
    """{name} → {path, made: whether it was not there before}"""
    path = here.directory.mirror(args["name"])
    with held(path):
        made = not (path / "config").exists() or not answer(Git(path), "config", "fleet.mirror").ok
        if made:
            _make_bare(path)
    return Answer({"path": str(path), "made": made})


def _make_bare(path: Path) -> None:
    """A bare repository that takes what home sends. Raises GitError, OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    Git(path).run("init", "--quiet", "--bare", "--template=", ".")
    config = path / "config"
    draft = config.with_name(f".config.{uuid.uuid4().hex}")
    draft.write_text(f"{config.read_text(encoding='utf-8')}{_SETTINGS}", encoding="utf-8")
    draft.replace(config)


def mirror_config(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, set: {key: value}} → {}"""
    git = Git(here.directory.mirror(args["mirror"]))
    for key, value in args["set"].items():
        git.run("config", key, value)
    return Answer({})


def refs(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, prefixes} → {refs: {name: object}}"""
    words = ("for-each-ref", "--format=%(objectname) %(refname)", *args["prefixes"])
    lines = Git(here.directory.mirror(args["mirror"])).run(*words).lines
    return Answer({"refs": {name: oid for oid, _, name in (line.partition(" ") for line in lines)}})


def lfs_have(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, oids} → {missing: oids}"""
    mirror = here.directory.mirror(args["mirror"])
    return Answer({"missing": [oid for oid in args["oids"] if not _is_there(mirror, oid)]})


def lfs_put(here: Here, args: Args, blob: bytes) -> Answer:
    """{mirror, oid, offset, last} and a piece of the file → {size}: how much of it is here. Raises ValueError when the
    piece does not follow what is here, or the whole is not what its id says: then it begins anew."""
    mirror, oid = here.directory.mirror(args["mirror"]), args["oid"]
    if _is_there(mirror, oid):
        return Answer({"size": _size(mirror, oid)})
    anew = 0 if args["offset"] else os.O_TRUNC | os.O_CREAT
    with reached(mirror, _object(oid), make=True) as (folder, _):
        fd = open_plain(f"{oid}.part", os.O_RDWR | anew, folder)
        with os.fdopen(fd, "r+b") as file:
            if file.seek(0, os.SEEK_END) != args["offset"]:
                raise ValueError(
                    f"{oid}: byte {args['offset']} does not follow the {file.tell()} that are here"
                )
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        if args["last"]:
            _settle(oid, folder)
    return Answer({"size": size})


def _settle(oid: str, folder: int) -> None:
    digest = hashlib.sha256()
    mine = f"{oid}.{uuid.uuid4().hex}"
    os.rename(f"{oid}.part", mine, src_dir_fd=folder, dst_dir_fd=folder)
    with os.fdopen(open_plain(mine, os.O_RDONLY, folder), "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    if digest.hexdigest() != oid:
        os.unlink(mine, dir_fd=folder)
        raise ValueError(f"what arrived as {oid} has the digest {digest.hexdigest()}: send it again")
    os.replace(mine, oid, src_dir_fd=folder, dst_dir_fd=folder)


def lfs_get(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, oid, offset, length} → {size: of the whole} and that piece of it. Raises FileNotFoundError."""
    with _opened(here.directory.mirror(args["mirror"]), args["oid"]) as file:
        file.seek(args["offset"])
        return Answer({"size": os.fstat(file.fileno()).st_size}, file.read(args["length"]))


def _object(oid: str) -> str:
    """Where it lies in a mirror, in which workers write, too."""
    if not _OID.fullmatch(oid):
        raise ValueError(f"{oid!r} is no id of a large file")
    return f"lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"


@contextmanager
def _opened(mirror: Path, oid: str) -> Iterator[BinaryIO]:
    """Raises FileNotFoundError where it is not there, OSError where something else is."""
    with reached(mirror, _object(oid)) as (folder, name):
        fd = open_plain(name, os.O_RDONLY, folder)
    with os.fdopen(fd, "rb") as file:
        yield file


def _size(mirror: Path, oid: str) -> int:
    with _opened(mirror, oid) as file:
        return os.fstat(file.fileno()).st_size


def _is_there(mirror: Path, oid: str) -> bool:
    try:
        _size(mirror, oid)
    except FileNotFoundError:
        return False
    return True


OPS: dict[str, Op] = {
    "mirror": mirror,
    "mirror_config": mirror_config,
    "refs": refs,
    "lfs_have": lfs_have,
    "lfs_put": lfs_put,
    "lfs_get": lfs_get,
}
