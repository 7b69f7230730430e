"""Who moved what, by git's own logs: of a worktree's HEAD, and of the reference. Only what is evidence counts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.git import Git
from workers.plain_files import if_plain, plain

_TAIL_BYTES = 1 << 20
_GAINED_MAX = 1_000
_MADE = re.compile(
    r"(?!rebase.*\((?:start|finish)\))(?:commit|cherry-pick|revert|rebase|am|merge|pull)\b(?!.*: [Ff]ast-forward\.?$)"
)
"""What git notes where it has made a commit, in contrast to going to one that was there (git-reflog(1))."""


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a log."""

    old: str
    new: str
    rest: str


def log(file: Path) -> list[Move]:
    """The moves that a log tells of, or the latest of them, the oldest first. None where there is no log."""
    size, text = 0, ""
    with if_plain(), plain(file) as lines:
        size = os.fstat(lines.fileno()).st_size
        lines.seek(max(0, size - _TAIL_BYTES))
        text = lines.read().decode("utf-8", "surrogateescape")
    whole = text.splitlines()[1 if size > _TAIL_BYTES else 0 :]
    return [Move(*parts) for line in whole if len(parts := line.split(" ", 2)) == 3]


def _since(all_moves: list[Move], old: str) -> list[Move]:
    """Those that came after the reference last stood at `old`; none when it never did."""
    index = next((n for n in range(len(all_moves) - 1, -1, -1) if all_moves[n].old == old), len(all_moves))
    return all_moves[index:]


@dataclass(frozen=True, slots=True)
class Doings:
    """What was done in the worktrees of one worker (`mine`), and in all others, as their logs of HEAD tell."""

    mine: frozenset[Move]
    others: frozenset[Move]

    @property
    def made(self) -> set[str]:
        """The commits that were made there."""
        return {move.new for move in self.mine if _MADE.match(move.rest.partition("\t")[2])}


def doings(common_dir: Path, admins: Iterable[Path]) -> Doings:
    """`admins`: git's own directories of the worker's worktrees."""
    own = {admin.resolve() for admin in admins}
    mine: set[Move] = set()
    others: set[Move] = set()
    for place in (common_dir, *common_dir.glob("worktrees/*")):
        (mine if place.resolve() in own else others).update(log(place / "logs" / "HEAD"))
    return Doings(frozenset(mine), frozenset(others))


_FLEETS = "\tfleet: "
"""What the fleet itself has moved, landed or put back: what was before that has been looked at."""

Whose = Literal["nobody's", "others'", "its", "some its"]
"""A move: of nobody who could be told; of a person, the fleet or another worker; of the worker, and nobody has moved it
since; of the worker, and others since."""


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose a move was, where the reference stood before the worker moved it, and all that it was on the way."""

    whose: Whose
    back_to: str
    between: tuple[str, ...]


def told(git: Git, common_dir: Path, done: Doings, name: str, old: str, new: str, *, said: bool) -> Blame:
    """Who moved a reference from `old` to `new`. `said`: the worker's own commands name it, which tells where nothing
    else does."""
    moves = _since(log(common_dir / "logs" / name), old)
    if not moves or moves[-1].new != new:
        moves = [Move(old, new, "")]
    between = tuple(dict.fromkeys((old, *(move.old for move in moves))))
    settled = max((n + 1 for n, move in enumerate(moves) if _FLEETS in move.rest), default=0)
    moves = moves[settled:]
    tellers = [_of_one(git, done, move, said=said) for move in moves]
    if "its" in tellers:
        first = tellers.index("its")
        since = set(tellers[first:])
        return Blame("its" if since == {"its"} else "some its", moves[first].old, between)
    return Blame("others'" if set(tellers) <= {"others'"} else "nobody's", old, between)


def log_bytes(common_dir: Path, name: str) -> int:
    """How long the log of a reference is, which only grows; 0 without one."""
    try:
        return (common_dir / "logs" / name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _of_one(git: Git, done: Doings, move: Move, *, said: bool) -> Whose:
    """A worktree notes each move of the branch that it stands on with the very words of the branch's own log."""
    unlogged = not move.rest and move in {
        Move(other.old, other.new, "") for other in done.others if "\tcheckout: " not in other.rest
    }
    if move in done.others or unlogged:
        return "others'"
    if said or move in done.mine:
        return "its"
    more = _gained(git, move.old, move.new)
    return "its" if more and move.new in more and more <= done.made else "nobody's"


def _gained(git: Git, old: str, new: str) -> set[str]:
    """The commits that a reference gained; none when that is more than anybody makes in a turn, or cannot be told."""
    said = git.run("rev-list", f"--max-count={_GAINED_MAX + 1}", new, "--not", old, check=False)
    return set(said.lines) if said.ok and len(said.lines) <= _GAINED_MAX else set()
