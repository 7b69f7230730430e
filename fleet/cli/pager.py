"""Long text through the person's own pager, where they look at a terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fleet.cli.show import put_lines
from fleet.streams import flush, lent, out
from workers.printable import printable

_NONE = ("", "cat")
_LESS = {"LESS": "FRX", "LV": "-c"}
"""As git sets them where the person has not: to quit at once what fits, with colours, and to leave it on the screen."""


@contextmanager
def paged(pager: str | None) -> Iterator[Callable[[str], bool]]:
    """Gives what takes text, and says whether anybody reads on. `pager` is a line for the shell; None: `less`, if there
    is one. What goes to it is printable, as what goes to the terminal is."""
    pager = shutil.which("less") if pager is None else pager
    if not out().isatty() or pager is None or pager.strip() in _NONE:
        yield _put
        return
    flush()
    stdout, stderr = lent()
    env = {**_LESS, **os.environ}
    reader = subprocess.Popen(
        ["sh", "-c", pager],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=env,
        text=True,
        encoding="utf-8",
    )
    assert reader.stdin is not None
    before = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # it is the pager's: it searches, and is interrupted
    try:
        yield _into(reader)
    finally:
        _close(reader)
        signal.signal(signal.SIGINT, before)


def _put(text: str) -> bool:
    put_lines(text)
    return True


def _into(reader: subprocess.Popen[str]) -> Callable[[str], bool]:
    def put(text: str) -> bool:
        assert reader.stdin is not None
        try:
            reader.stdin.write(f"{printable(text)}\n")
            reader.stdin.flush()
        except BrokenPipeError:  # the person has seen enough
            return False
        return True

    return put


def _close(reader: subprocess.Popen[str]) -> None:
    assert reader.stdin is not None
    with suppress(BrokenPipeError):
        reader.stdin.close()
    reader.wait()
