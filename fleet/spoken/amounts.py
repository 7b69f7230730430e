"""Amounts as people write them: `40%`, `0.4`, `2M`, `500k`."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+(?:[._]?\d+)*)\s*([kKmMgGbB]?)")
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}


class UnknownAmount(ValueError):
    """The text is no amount."""


def parse_share(text: str) -> float:
    """A share from 0 to 1 of `40%` or `0.4`; a bare `40` might be either and is refused. Raises UnknownAmount."""
    said = text.strip()
    try:
        share = float(said[:-1]) / 100 if said.endswith("%") else float(said)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UnknownAmount(f"{text!r} is no share: write 40% or 0.4")
    return share


def parse_count(text: str) -> float:
    """A number such as `500k`, `2M`, `1.5M`. Raises UnknownAmount."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise UnknownAmount(f"{text!r} is no number of tokens: write 500k or 2M")
    try:
        return float(found[1].replace("_", "")) * _THOUSANDS[found[2].lower()]
    except ValueError:
        raise UnknownAmount(f"{text!r} is no number of tokens: write 500k or 2M") from None
