"""Runs a parsed command: finds its function, and turns what it could not do into one clear line."""

from __future__ import annotations

import os
import sys

from fleet import streams
from fleet.cli.show import as_json, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from types import SimpleNamespace

    Words = Namespace | SimpleNamespace
    """The words of a command, parsed: `run` names its function, `module:function`."""


class Failed(Exception):
    """A command could not do what it was asked; the message is for the person. Exit code 1."""


def run(args: Words) -> int:
    try:
        code = _ran(args)
        streams.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        streams.hush()
        return 141


def _ran(args: Words) -> int:
    module, _, function = args.run.partition(":")
    try:
        __import__(module)  # importlib takes longer
        command: Callable[[Words], int] = getattr(sys.modules[module], function)
        try:
            return command(args)
        except Exception as failed:
            if not _of_an_older_home(failed):
                raise
        _bring_up_to_date()
        return command(args)
    except Failed as failed:
        told: str | None = str(failed)
    except BrokenPipeError:
        raise
    except Exception as failed:
        told = _told(failed)
        if told is None:
            raise
    # What follows a line end may be of others: no line of theirs begins where ours do.
    say("fleet: " + (told or "").replace("\n", "\n  "))
    if getattr(args, "json", False):
        as_json({"error": told})
    return 1


def _of_an_older_home(failed: Exception) -> bool:
    """Whatever a command does, it reads the home first: so nothing has been done yet."""
    from fleet.store.errors import StoreOlder

    return isinstance(failed, StoreOlder)


def _bring_up_to_date() -> None:
    """Raises HomeHeld while a coordinator of the older version has the home."""
    from fleet.home import find_home
    from fleet.service.making_home import bring_up_to_date

    bring_up_to_date(find_home(os.environ))


def _told(failed: Exception) -> str | None:
    """What to tell the person; None for what is no error of theirs. Looked up only once something has failed, so that
    no command has to import what may raise it."""
    from fleet.errors import NotDone, NotFound
    from fleet.ports import StoreFailed
    from fleet.shell.homelock import HomeHeld
    from fleet.store.errors import StoreUnreadable
    from profiles.profile import InvalidProfile

    if isinstance(failed, NotDone | NotFound | HomeHeld | StoreFailed | StoreUnreadable | InvalidProfile):
        return str(failed)
    if isinstance(failed, UnicodeEncodeError) and any(
        "\ud800" <= letter <= "\udfff" for letter in failed.object
    ):
        return f"“{failed.object}” is not UTF-8, as names and words have to be"
    return _of_the_disk(failed) if isinstance(failed, OSError) else _of_the_database()


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
