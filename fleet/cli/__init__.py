"""The command line: parse the words, call the service, print what comes back. It decides nothing, and imports nothing
heavy before it is needed."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.cli.run import Words


def main(argv: list[str] | None = None) -> int:
    """The `fleet` command. Returns its exit code: 0 well, 1 not, 2 the command's words are off."""
    from fleet import streams
    from fleet.cli.run import run

    try:
        args = _parse(sys.argv[1:] if argv is None else argv)
    except SystemExit:
        try:
            streams.flush()  # the help, which may be read by `head`
        except BrokenPipeError:
            streams.hush()
        raise
    if argv is None:
        # Not before: argparse prints by itself. In a test that calls this, the streams are pytest's.
        streams.claim()
    return run(args)


def _parse(argv: list[str]) -> Words:
    """Exits with 2 and the usage when the words are off. `fleet status` is asked for again and again, by people and
    prompts, and `fleet statusline` by the client: they do not wait for argparse and all the other commands, which take
    longer than their answer."""
    if argv in (["status"], ["status", "--json"]):
        from types import SimpleNamespace

        return SimpleNamespace(run="fleet.cli.status:status", json="--json" in argv)
    if argv == ["statusline"]:
        from types import SimpleNamespace

        return SimpleNamespace(run="fleet.cli.statusline:statusline")
    if argv[:1] == ["_names"] and len(argv) == 3:
        from types import SimpleNamespace

        # What completion asks for while somebody waits at a TAB.
        return SimpleNamespace(run="fleet.cli.completion:names", kind=argv[1], beginning=argv[2])
    if argv[:1] == ["client"] and argv[1:2] not in (["install"], ["-h"], ["--help"], []):
        from types import SimpleNamespace

        # All words are the client's, also those that begin with a dash.
        return SimpleNamespace(run="fleet.cli.client:run", words=argv[1:])
    from fleet.cli.parser import parse

    return parse(argv)
