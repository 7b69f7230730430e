"""The words of `fleet host …`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from fleet.cli.numbers import positive

Parser = argparse.ArgumentParser
Build = Callable[[Parser], None]


def fill(
    commands: argparse._SubParsersAction[Parser], add: Callable[..., Parser], name: Build, json: Build
) -> None:
    """`add` adds a command to a group of them, `name` and `json` are what several commands have."""
    add(commands, "add", "add a machine reached over ssh", "fleet.cli.host:add", name, _add, json)
    add(commands, "list", "list the hosts, this machine among them", "fleet.cli.host:listing", json)
    add(commands, "show", "show one host and the worktrees on it", "fleet.cli.host:show", name, json)
    add(
        commands,
        "verify",
        "look at it anew: what is missing there",
        "fleet.cli.host:verify",
        name,
        _keys,
        json,
    )
    add(commands, "drain", "give it no new work, or again", "fleet.cli.host:drain", name, _drain, json)
    add(commands, "remove", "use it no longer; drain it first", "fleet.cli.host:remove", name, json)


def _add(parser: Parser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="ssh://user@host:port, or a Host of ~/.ssh/config")
    parser.add_argument("--jump", metavar="HOST", help="by way of this one, as ssh -J; several with commas")
    parser.add_argument("--identity", metavar="FILE", help="the private key to log in with")
    parser.add_argument("--workers", type=positive, metavar="N", help="workers at once (default: what fits)")
    parser.add_argument(
        "--label", action="append", default=[], metavar="L", help="what it has, for tasks that need it"
    )
    parser.add_argument("--dir", metavar="DIR", help="where Fleet's files lie there (default ~/.fleet/…)")
    parser.add_argument("--client", metavar="PATH", help="the client there (default: claude on the PATH)")
    _keys(parser)


def _keys(parser: Parser) -> None:
    parser.add_argument(
        "--accept-key",
        action="append",
        default=[],
        metavar="SHA256:…",
        help="its host key, compared with what is shown there",
    )


def _drain(parser: Parser) -> None:
    parser.description = "Give it no new work; what runs there goes on. Its worktrees are brought home."
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--move", action="store_true", help="stop its workers, too: their tasks go on elsewhere")
    how.add_argument("--off", action="store_true", help="give it work again")
