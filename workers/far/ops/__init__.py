"""What home may ask of a host, a module a subject. Each operation can be repeated. Travels.

An operation takes its arguments (JSON) and the bytes that came with them, and gives values (JSON) and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from workers.far.directory import Directory
from workers.far.turn import Turn
from workers.host import LocalHost
from workers.sandbox.cell import Needs
from workers.sandbox.rooms import Needing, Rooms


class Answer(NamedTuple):
    values: dict[str, Any]
    blob: bytes = b""


Args = Mapping[str, Any]


@dataclass(frozen=True)
class Here:
    """This host: the directory that home has on it, the runs in there, and whether anything may be started."""

    directory: Directory
    host: LocalHost
    turn: Turn
    rooms: Rooms | None = None
    """Of the sandbox; None without one."""

    def cells(self, args: Args) -> Needing | None:
        """For work that needs what `args` name as `needs`."""
        return None if self.rooms is None else Needing(self.rooms, lambda: needs(args))


def needs(args: Args) -> Needs:
    """{needs: {project, reads, writes}}: what a person laid down for the project at home, which holds here, too."""
    said = args.get("needs") or {}
    reads, writes = (tuple(map(Path, said.get(how, ()))) for how in ("reads", "writes"))
    return Needs(said.get("project", ""), granted_reads=reads, granted_writes=writes)


Op = Callable[[Here, Args, bytes], Answer]
