"""The directory on a host in which one home has its runs, mirrors and worktrees. Travels."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers import machine
from workers.machine import Machine, this_machine

DRY_RUNS = "dry-runs"
MACHINES_MAX = 16
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")


class Refused(Exception):
    """The directory can't be had; the message is for a person who just named this host."""


@dataclass(frozen=True)
class Directory:
    """`root` is absolute. Whatever name comes from home is checked before it becomes part of a path."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def mirror(self, name: str) -> Path:
        return self.root / "mirrors" / f"{_name(name)}.git"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    def worktree(self, path: str) -> Path:
        """A worktree's absolute path, `worktrees/<repository>/<task>`. Raises ValueError for any other."""
        asked = Path(path)
        if asked.parent.parent != self.worktrees or asked.name.startswith("."):
            raise ValueError(
                f"{path} is no place for a worktree: they lie in {self.worktrees}/REPOSITORY/TASK"
            )
        return asked

    def account(self, name: str) -> Path:
        return self.root / "accounts" / _name(name)

    def dry_run(self, name: str) -> Path:
        return self.root / DRY_RUNS / _name(name)

    @property
    def client_proofs(self) -> Path:
        return self.root / "client-proofs"

    def check_log(self, name: str) -> Path:
        return self.root / "checks" / _name(name)


def seen_from(root: Path, here: Machine) -> tuple[str, ...]:
    """The host names of other machines that have answered in this directory, too: then it is shared, whatever its file
    system is called. That this one has is noted."""
    known = _machines(root)
    others = [one for one in known if one.is_another_than(here)][-MACHINES_MAX:]
    if here not in known:
        # Without the note a shared directory is told of by its file system alone.
        with contextlib.suppress(OSError):
            _write(root / "machines", "".join(f"{one.text()}\n" for one in (*others, here)))
    return tuple(one.name for one in others)


def claim(directory: Path, home_id: str, host: str, names_taken: Sequence[str] | None = None) -> Directory:
    """Make the directory this home's, under this host's name; two names of one machine must not share worktrees.

    `names_taken` are the names of all hosts of the home: of a name that is none of them the directory is taken over.
    Raises Refused.
    """
    root = directory.expanduser().absolute()
    note = root / "host.json"
    claimed = {"home": home_id, "host": host}
    try:
        if not note.exists():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
            _write(note, json.dumps(claimed))
        found = json.loads(note.read_text(encoding="utf-8"))
        if _is_free(found, home_id, names_taken):
            _write(note, json.dumps(claimed))
            found = claimed
    except OSError as failed:
        raise Refused(
            f"the directory {root} cannot be used there ({failed.strerror}): make it writable and make room in it, or "
            "name another one with --dir"
        ) from failed
    except ValueError as failed:
        raise Refused(
            f"{note} is there but can't be read: remove it if no other fleet uses {root}"
        ) from failed
    if found != claimed:
        raise Refused(_whose(root, found, home_id, _machines(root)))
    return Directory(root)


def _is_free(found: object, home_id: str, names_taken: Sequence[str] | None) -> bool:
    """Whether it was this home's under a name that no host of it has any more."""
    if names_taken is None or not isinstance(found, dict) or found.get("home") != home_id:
        return False
    return found.get("host") not in names_taken


def _write(note: Path, text: str) -> None:
    draft = note.with_name(f".{note.name}.{uuid.uuid4().hex}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(note)
    finally:
        draft.unlink(missing_ok=True)


def _machines(root: Path) -> list[Machine]:
    """Those that have answered in this directory."""
    try:
        lines = (root / "machines").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [one for one in map(machine.read, lines) if one is not None]


def _whose(root: Path, found: object, home_id: str, machines: Sequence[Machine]) -> str:
    name = found.get("host") if isinstance(found, dict) else None
    here = this_machine()
    if isinstance(found, dict) and found.get("home") == home_id:
        if machines and all(one.is_another_than(here) for one in machines):
            return (
                f"its directory {root} is shared with {machines[-1].name}, which is host {name!r}; this is "
                f"{here.name}. Two machines cannot work in one directory, as their locks are their own: give this one "
                "a directory on a disk of its own, such as --dir /var/tmp/fleet"
            )
        return (
            f"its directory {root} is already in use under the name {name!r}: this is the same machine. Remove one of "
            f"the two hosts, or give this one a directory of its own with --dir"
        )
    return f"its directory {root} belongs to another fleet's home (as host {name!r}): name another one with --dir"


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a directory")
    return name
