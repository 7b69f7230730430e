"""Numbers on the command line."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Raises what argparse tells as a wrong word."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)
