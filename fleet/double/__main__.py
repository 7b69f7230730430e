"""`python -m fleet.double --script FILE [--port-file F]`: the double as a process of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from fleet.double import Double, ScriptError, read_script


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        script = read_script(options.script)
    except (ScriptError, OSError) as wrong:
        sys.stderr.write(f"double: {wrong}\n")
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Double(script, port=options.port) as double:
        _announce(double.base_url, options.port_file)
        stop.wait()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fleet.double", description="A scripted Messages API on 127.0.0.1."
    )
    parser.add_argument(
        "--script", type=Path, required=True, help="TOML file with accounts, tasks and faults"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--port-file", type=Path, help="write the port here once the double listens")
    return parser.parse_args(arguments)


def _announce(url: str, port_file: Path | None) -> None:
    if port_file is not None:
        unfinished = port_file.with_name(port_file.name + ".new")
        unfinished.write_text(url.rpartition(":")[2] + "\n", encoding="ascii")
        unfinished.replace(port_file)
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
