"""What a scan came to."""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.history.transcripts.incremental import BrokenLine

BROKEN_KEPT = 100
"""So many broken lines of a scan are told of one by one."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or directory that could not be read."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """`files_vanished`: known to the ledger and no longer there; their answers stay. `bytes` and `lines` are those that
    were new. `answers_duplicate`: what other files, or earlier scans, had told already. `broken_lines` names the first
    of all `broken`."""

    files: int = 0
    files_read: int = 0
    files_unchanged: int = 0
    files_vanished: int = 0
    bytes: int = 0
    lines: int = 0
    answers_new: int = 0
    answers_updated: int = 0
    answers_duplicate: int = 0
    readings: int = 0
    broken: int = 0
    broken_lines: tuple[BrokenLine, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
