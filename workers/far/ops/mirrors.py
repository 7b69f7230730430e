"""Bare mirrors of home's repositories on this host, and the large files in them. Travels.

`mirror` is a mirror's name. What goes to and fro between mirror and home goes by git itself, on channels of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path

from workers.far.ops import Answer, Args, Here, Op
from workers.git import Git, answer
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
            make_bare(path)
    return Answer({"path": str(path), "made": made})


def make_bare(path: Path) -> None:
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
    folder = here.directory.mirror(args["mirror"])
    return Answer({"missing": [oid for oid in args["oids"] if not _object(folder, oid).is_file()]})


def lfs_put(here: Here, args: Args, blob: bytes) -> Answer:
    """{mirror, oid, offset, last} and a piece of the file → {size}: how much of it is here. Raises ValueError when the
    piece does not follow what is here, or the whole is not what its id says: then it begins anew."""
    place = _object(here.directory.mirror(args["mirror"]), args["oid"])
    if place.is_file():
        return Answer({"size": place.stat().st_size})
    draft = place.with_name(f"{place.name}.part")
    draft.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("r+b" if args["offset"] else "wb") as file:
        if file.seek(0, os.SEEK_END) != args["offset"]:
            raise ValueError(
                f"{args['oid']}: byte {args['offset']} does not follow the {file.tell()} that are here"
            )
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if args["last"]:
        _settle(draft, place)
    return Answer({"size": size})


def _settle(draft: Path, place: Path) -> None:
    digest = hashlib.sha256()
    mine = draft.with_name(f"{place.name}.{uuid.uuid4().hex}")
    draft.rename(mine)
    with mine.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    if digest.hexdigest() != place.name:
        mine.unlink()
        raise ValueError(f"what arrived as {place.name} has the digest {digest.hexdigest()}: send it again")
    mine.replace(place)


def lfs_get(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, oid, offset, length} → {size: of the whole} and that piece of it. Raises FileNotFoundError."""
    place = _object(here.directory.mirror(args["mirror"]), args["oid"])
    with place.open("rb") as file:
        file.seek(args["offset"])
        return Answer({"size": place.stat().st_size}, file.read(args["length"]))


def _object(mirror: Path, oid: str) -> Path:
    if not _OID.fullmatch(oid):
        raise ValueError(f"{oid!r} is no id of a large file")
    return mirror / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


OPS: dict[str, Op] = {
    "mirror": mirror,
    "mirror_config": mirror_config,
    "refs": refs,
    "lfs_have": lfs_have,
    "lfs_put": lfs_put,
    "lfs_get": lfs_get,
}
