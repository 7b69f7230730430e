"""What home may ask of a host, a module a subject. Each operation can be repeated. Travels.

An operation takes its arguments (JSON) and the bytes that came with them, and gives values (JSON) and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from workers.far.directory import Directory
from workers.far.turn import Turn
from workers.host import LocalHost


class Answer(NamedTuple):
    values: dict[str, Any]
    blob: bytes = b""


@dataclass(frozen=True)
class Here:
    """This host: the directory that home has on it, the runs in there, and whether anything may be started."""

    directory: Directory
    host: LocalHost
    turn: Turn


Args = Mapping[str, Any]
Op = Callable[[Here, Args, bytes], Answer]
