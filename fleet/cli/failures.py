"""What a command could not do: in words for a person, as a code for a program, as an exit code for a script.

Imported only once something has failed, so that no command has to import what may raise it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

PARTLY, NOTHING, NOBODY, UNKNOWN = 3, 4, 5, 6
"""Exit codes (`fleet help exit-codes`): done for some of several, nothing matched, needs a coordinator and none runs,
not known whether it was done. 1 is any other failure."""

_COMMAND = re.compile(r"`(fleet [^`]+)`|: (fleet [a-z][^:]*)$")
"""The command that a message names: in backquotes, or at its end."""
_NO_SUCH = re.compile(r"there is no (task|account|host|project|reservation|limit|strategy|tier)\b")


class Failure(NamedTuple):
    code: str
    """One word for programs."""
    told: str
    exit_code: int = 1
    try_: str = ""
    """The command to go on with; empty where none is known."""

    def line(self, ids: Sequence[str]) -> str:
        """As `--json` has it; `ids` are what the command was about."""
        error = {"code": self.code, "message": self.told, "try": self.try_, "ids": list(ids)}
        return json.dumps({"error": error}, ensure_ascii=False)


def failure(failed: Exception) -> Failure | None:
    """None for what is no error of the person or the machine, but a fault of ours."""
    kind = _kind(failed)
    if kind is None:
        told = _of_the_database()
        kind = None if told is None else ("unreadable", told, 1)
    if kind is None:
        return None
    code, told, exit_code = kind
    missing = _NO_SUCH.match(told) if code in ("refused", "not_found") else None
    named = _COMMAND.search(told)
    return Failure(
        f"no_such_{missing[1]}" if missing else code,
        told,
        exit_code,
        (named[1] or named[2]).strip() if named else "",
    )


def _kind(failed: Exception) -> tuple[str, str, int] | None:
    """Code, words, exit code."""
    from fleet.errors import Failed, NoCoordinator, NotDone, NotFound, NothingMatches, NotKnown, Partly
    from fleet.ports import StoreFailed
    from fleet.shell.homelock import HomeHeld
    from fleet.store.errors import StoreUnreadable
    from profiles.profile import InvalidProfile

    kinds: tuple[tuple[type[Exception], str, int], ...] = (
        (Partly, "partly", PARTLY),
        (NothingMatches, "nothing_matched", NOTHING),
        (Failed, "refused", 1),
        (NoCoordinator, "no_coordinator", NOBODY),
        (NotKnown, "not_known", UNKNOWN),
        (NotDone, "refused", 1),
        (NotFound, "not_found", 1),
        (HomeHeld, "home_held", 1),
        (StoreFailed, "not_stored", 1),
        (StoreUnreadable, "unreadable", 1),
        (InvalidProfile, "refused", 1),
    )
    for kind, code, exit_code in kinds:
        if isinstance(failed, kind):
            return code, str(failed), exit_code
    if isinstance(failed, UnicodeEncodeError) and any(
        "\ud800" <= letter <= "\udfff" for letter in failed.object
    ):
        return "not_utf8", f"“{failed.object}” is not UTF-8, as names and words have to be", 1
    return ("system", _of_the_disk(failed), 1) if isinstance(failed, OSError) else None


def _of_the_database() -> str | None:
    """What nobody expected may come of a damaged database, so that is looked through. None where it is sound: then the
    fault is our own."""
    from fleet.home import find_home
    from fleet.store.errors import StoreUnreadable
    from fleet.store.sqlite import SqliteStore

    home = find_home(os.environ)
    if not home.database.exists():
        return None
    try:
        store = SqliteStore(home.database, read_only=True)
        try:
            store.look_through()
        finally:
            store.close()
    except StoreUnreadable as found:
        return str(found)
    return None


def _of_the_disk(failed: OSError) -> str:
    from fleet.home import find_home
    from workers.trouble import of_errno

    home, meaning = str(find_home(os.environ).root), of_errno(failed.errno)
    if failed.filename is None:
        return str(failed) if meaning is None else f"{meaning}, then try again. All state is kept in {home}"
    told = f"{failed.filename}: {failed.strerror}"
    if str(failed.filename).startswith(home):
        told += f". All state is kept in {home}: make it a directory that you can write, or name another FLEET_HOME"
    return told
