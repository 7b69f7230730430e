"""Runs a parsed command: finds its function, and turns what it could not do into one clear line."""

from __future__ import annotations

import os
import sys

from fleet import streams
from fleet.cli.show import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from types import SimpleNamespace

    from fleet.cli.failures import Failure

    Words = Namespace | SimpleNamespace
    """The words of a command, parsed: `run` names its function, `module:function`."""


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
        streams.ask_for_colours(_colours(args))
        try:
            return command(args)
        except Exception as failed:
            if not _of_an_older_home(failed):
                raise
        _bring_up_to_date()
        return command(args)
    except BrokenPipeError:
        raise
    except Exception as failed:
        from fleet.cli.failures import failure

        found = failure(failed)
        if found is None:
            raise
        return _tell(found, args, getattr(failed, "ids", None))


def _colours(args: Words) -> str:
    """`auto`, `always` or `never`: as it was said, else as the setting has it, where the command paints at all."""
    said: str | None = getattr(args, "color", "auto")
    if said is not None:
        return said
    from fleet.home import find_home
    from fleet.service.settings import found

    return str(found(find_home(os.environ), "ui.color", os.environ).value)


def _tell(found: Failure, args: Words, ids: tuple[str, ...] | None) -> int:
    if getattr(args, "json", False):
        say(found.line(_about(args) if ids is None else ids))
    else:
        # What follows a line end may be of others: no line of theirs begins where ours do.
        say("fleet: " + found.told.replace("\n", "\n  "))
    return found.exit_code


def _about(args: Words) -> list[str]:
    """The ids or names that the command was asked about."""
    for word in ("ids", "id", "name"):
        said = getattr(args, word, None)
        if said:
            return [said] if isinstance(said, str) else list(said)
    return []


def _of_an_older_home(failed: Exception) -> bool:
    """Whatever a command does, it reads the home first: so nothing has been done yet."""
    from fleet.store.errors import StoreOlder

    return isinstance(failed, StoreOlder)


def _bring_up_to_date() -> None:
    """Raises HomeHeld while a coordinator of the older version has the home."""
    from fleet.home import find_home
    from fleet.service.making_home import bring_up_to_date

    bring_up_to_date(find_home(os.environ))
