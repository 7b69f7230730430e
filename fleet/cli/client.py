"""`fleet client …`."""

from __future__ import annotations

import os
import signal

from fleet import streams
from fleet.cli.show import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never

    from fleet.cli.parser import Parser
    from fleet.cli.run import Words


def words(parser: Parser) -> None:
    from fleet.cli.parser import add_command, group_of  # the client starts without argparse

    parser.epilog = "All other words are the client's own: fleet client setup-token, fleet client --version."
    add_command(group_of(parser), "install", "fetch one for Fleet alone", "fleet.cli.client:install")


def install(_: Words) -> int:
    from fleet.service.client_install import install as fetch
    from fleet.service.clients import clients_root, locate_client

    found = fetch(clients_root(), say)
    say(f"{'installed' if found.new else 'already there:'} Claude Code {found.version} ({found.path})")
    used = locate_client(os.environ)
    if used.path != found.path:
        say(
            f"Fleet goes on using {used.path}, which comes first; FLEET_CLIENT={found.path} makes it use this one"
        )
    return 0


def run(args: Words) -> Never:
    """This process becomes the client that Fleet would use, at this terminal."""
    from fleet.service.clients import client_command

    command = client_command(args.words, os.environ)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what it becomes would
    streams.release()
    os.execve(command.argv[0], command.argv, dict(command.env))
