"""Runs a parsed command: finds its function, and turns what it could not do into one clear line."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module


class Failed(Exception):
    """A command could not do what it was asked; the message is for the person. Exit code 1."""


def run(args: argparse.Namespace) -> int:
    module, _, function = args.run.partition(":")
    try:
        code: int = getattr(import_module(module), function)(args)
        sys.stdout.flush()
        return code
    except Failed as failed:
        print(f"fleet: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`fleet task list | head`): that is no error, but must stay silent at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as failed:
        if _is_for_people(failed):
            print(f"fleet: {failed}", file=sys.stderr)
            return 1
        raise


def _is_for_people(failed: Exception) -> bool:
    """Errors whose message is written for the person who reads it. Looked up only once something has failed, so that no
    command has to import what may raise them."""
    from fleet.ports import StoreFailed
    from fleet.service.reading import NotFound
    from fleet.service.requests import NotDone
    from fleet.store.errors import StoreUnreadable
    from profiles.profile import InvalidProfile

    return isinstance(failed, NotDone | NotFound | StoreFailed | StoreUnreadable | InvalidProfile)
