"""Files of a worktree that changed while its own session was doing nothing: written by another run, or by a person.

A worker can write wherever its user can. So at the gate the times at which files last changed are held against those at
which the session's tools ran, as its spools tell. What is found is told, and the gate judges the work all the same. Not
found is what changed while a tool of the session ran, too, or while none of its workers was there: Fleet itself makes
worktrees ready then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.client.listen import Answer, ToolResults, ToolUse, read
from workers.git import Git
from workers.spool import parse

SLACK_MS = 2_000
"""The client says that a tool begins or has ended a moment before or after it does."""
_FILES_MAX = 10_000
_SHOWN = 5

Span = tuple[int, int]
"""From, until: epoch milliseconds."""


@dataclass(slots=True)
class Watch:
    """When one session's workers were there (`runs`) and when their tools ran (`busy`)."""

    runs: list[Span] = field(default_factory=list)
    busy: list[Span] = field(default_factory=list)

    def explains(self, at_ms: int) -> bool:
        return not _within(at_ms, self.runs, -SLACK_MS) or _within(at_ms, self.busy, SLACK_MS)


def watch_of(spools: Iterable[Path], now_ms: int) -> Watch:
    """From the spools of a task's attempts. One that is gone tells nothing, so its times are nobody's run."""
    watch = Watch()
    for spool in spools:
        with suppress(FileNotFoundError):
            _read(spool, watch, now_ms)
    return watch


def unexplained(worktree: Path, base: str, watch: Watch) -> str:
    """What to tell, empty when there is nothing. Raises GitError, OSError."""
    found = sorted(path for path, at_ms in _changed(worktree, base) if not watch.explains(at_ms))
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"changed while none of its session's tools ran, so by another worker or a person: {', '.join(found[:_SHOWN])}"
        f"{more}; it is judged with the rest of the work"
    )


def _read(spool: Path, watch: Watch, now_ms: int) -> None:
    first: int | None = None
    last = 0
    open_tools: dict[str, int] = {}
    lasting: list[int] = []
    with spool.open("rb") as lines:
        for line in lines:
            record = parse(line.rstrip(b"\n"))
            if record.kind == "?":
                continue
            first, last = record.at_ms if first is None else first, record.at_ms
            if record.kind == "o" and (b"tool_use" in record.payload or b"tool_result" in record.payload):
                _tools(record.payload, record.at_ms, watch, open_tools, lasting)
    if first is None:
        return
    end = now_ms if _is_open(spool, last) else last
    watch.runs.append((first, end))
    watch.busy.extend((began, end) for began in (*open_tools.values(), *lasting))


def _tools(payload: bytes, at_ms: int, watch: Watch, open_tools: dict[str, int], lasting: list[int]) -> None:
    said = read(payload)
    if isinstance(said, Answer):
        for part in said.parts:
            if isinstance(part, ToolUse):
                open_tools[part.id] = at_ms
                if part.input.get("run_in_background"):
                    lasting.append(at_ms)
    elif isinstance(said, ToolResults):
        for result in said.results:
            watch.busy.append((open_tools.pop(result.id, at_ms), at_ms))


def _is_open(spool: Path, last_ms: int) -> bool:
    """Whether its supervisor has not written its last word yet."""
    with spool.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().splitlines()
    return not (lines and lines[-1].startswith(b"s ") and b'"exit"' in lines[-1])


def _changed(worktree: Path, base: str) -> Iterator[tuple[str, int]]:
    """Plain files of the work with the time at which each last changed: one that no program can set (st_ctime)."""
    git = Git(worktree)
    committed = git.run(
        "diff", "--name-only", "--no-renames", "--ignore-submodules=none", "-z", base, "HEAD", "--"
    ).fields
    loose = git.run("ls-files", "--others", "--modified", "--exclude-standard", "-z").fields
    for path in sorted({*committed, *loose})[:_FILES_MAX]:
        with suppress(FileNotFoundError, NotADirectoryError):
            found = (worktree / path).lstat()
            if stat.S_ISREG(found.st_mode):
                yield path, found.st_ctime_ns // 1_000_000


def _within(at_ms: int, spans: Sequence[Span], slack_ms: int) -> bool:
    return any(began - slack_ms <= at_ms <= ended + slack_ms for began, ended in spans)
