"""Ignored files that a repository's worktrees want (`copy` in `.fleet.toml`), packed at home for a host to lay down."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.worktree.seed import refuse_escape
from workers.worktree.wanted import WorktreeSettings

PACKED_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True)
class Packed:
    """A tar of plain files and links, empty for none, and a line for each path that is not in it."""

    files: bytes
    notes: tuple[str, ...]


def pack_seeds(settings: WorktreeSettings, checkout: Path | None) -> Packed:
    """Pack what `copy` names from the user's checkout, as it is now; `link` leads nowhere on another machine.

    A path that no longer fits into `PACKED_BYTES_MAX` is left out whole. Raises SettingsWrong for one that leads out of
    the checkout, OSError.
    """
    notes = [f"{path}: not linked, another machine does not have it" for path in settings.link]
    if checkout is None:
        bare = "a bare repository has no checkout to take it from"
        return Packed(b"", (*(f"{path}: not brought, {bare}" for path in settings.copy_paths), *notes))
    packed, room, count = io.BytesIO(), PACKED_BYTES_MAX, 0
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in settings.copy_paths:
            refuse_escape(checkout, checkout / path, path)
            files = dict(_files(checkout / path, path.rstrip("/")))
            size = sum(file.lstat().st_size for file in files.values())
            if size > room:
                notes.append(_too_large(path, size))
            elif not files:
                notes.append(f"{path}: not brought, {checkout} has no file there")
            else:
                room, count = room - size, count + len(files)
                for name, file in files.items():
                    _add(archive, name, file)
    return Packed(packed.getvalue() if count else b"", tuple(notes))


def _too_large(path: str, size: int) -> str:
    mb, most = (round(number / 1024**2) for number in (size, PACKED_BYTES_MAX))
    return (
        f"{path}: not brought, it has {mb} MB, and all that `copy` names may have {most} MB together on the way to a "
        "host: make it there with a `setup` command"
    )


def _files(source: Path, name: str) -> Iterator[tuple[str, Path]]:
    """What is packed of a path, by the name that it gets. The path itself may be a link, as it may be here."""
    source = source.resolve()
    if source.is_file():
        yield name, source
    elif source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_symlink() or file.is_file():
                yield f"{name}/{file.relative_to(source).as_posix()}", file


def _add(archive: tarfile.TarFile, name: str, file: Path) -> None:
    entry = tarfile.TarInfo(name)
    if file.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(file.readlink())
        archive.addfile(entry)
        return
    data = file.read_bytes()
    entry.size, entry.mode = len(data), file.stat().st_mode & 0o777
    archive.addfile(entry, io.BytesIO(data))
