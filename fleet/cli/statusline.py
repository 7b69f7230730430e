"""`fleet statusline`: the client runs it for each new line of its status, so it is quick and never fails."""

from __future__ import annotations

import os
import sys

from fleet.cli.show import put
from fleet.homepath import home_path
from fleet.views.history.statusline import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.cli.run import Words

SAID_MAX = 1 << 20
"""What the client says has a few thousand characters."""


def statusline(_: Words) -> int:
    # Without a standard input Python has None in its place.
    said = sys.stdin.buffer.read(SAID_MAX).decode(errors="replace") if sys.stdin is not None else ""
    shown = line(home_path(os.environ), said, os.environ)
    if shown:
        put(shown)
    return 0
