"""F5: parse, call the service, render. No decisions here, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """The `fleet` command. Returns its exit code: 0 well, 1 not, 2 the command's words are off."""
    from fleet.cli.parser import parse
    from fleet.cli.run import hush, run

    try:
        args = parse(sys.argv[1:] if argv is None else argv)
    except SystemExit:
        try:
            sys.stdout.flush()  # the help, which may be read by `head`
        except BrokenPipeError:
            hush()
        raise
    return run(args)
