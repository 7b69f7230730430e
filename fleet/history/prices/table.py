"""The table in force: the list prices that come with the program, and over them the person's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from fleet.history.prices.names import canonical
from fleet.history.prices.rates import Row, Tokens
from fleet.history.prices.toml_file import read_own, read_shipped

OWN_FILE = "prices.toml"
"""The person's own prices in the home directory."""

SHIPPED = Path(__file__).with_name("list_prices.toml")


class PriceTable:
    """Finds what an answer costs. `digest` changes when any price may have changed.

    From the date of a row of the person's own on it counts in place of what is shipped; one without a date counts
    for all time.
    """

    def __init__(self, shipped: Iterable[Row], own: Iterable[Row] = (), digest: str = "") -> None:
        self.digest = digest
        self._shipped = _by_name(shipped)
        self._own = _by_name(own)
        self._of_model: dict[str, tuple[tuple[float, Row], ...]] = {}

    def price(self, model: str, at_ms: int, tokens: Tokens, *, batch: bool = False) -> float | None:
        """US dollars by list price of the maker's own API; None for a model that nothing is known of."""
        rows = self._of_model.get(model)
        if rows is None:
            rows = self._of_model[model] = self._in_time(canonical(model))
        for from_ms, row in rows:
            if at_ms >= from_ms:
                return row.cost(tokens, batch=batch)
        return None

    def rows(self) -> list[tuple[str, Row, bool]]:
        """Name, row, and whether it is the person's own: each model's in the order of time, by name."""
        return [
            (name, row, row in self._own.get(name, ()))
            for name in sorted({*self._shipped, *self._own})
            for _, row in reversed(self._in_time(name))
        ]

    def names(self) -> set[str]:
        """Canonical names of the models that have a price."""
        return {*self._shipped, *self._own}

    def _in_time(self, name: str) -> tuple[tuple[float, Row], ...]:
        """From when each row counts, the latest first; the first of all rows counts for all time before it, too."""
        own, shipped = self._own.get(name, ()), self._shipped.get(name, ())
        until = min(map(_since, own), default=float("inf"))
        rows = sorted((*(row for row in shipped if _since(row) < until), *own), key=_since)
        return tuple((float("-inf") if n == 0 else _since(row), row) for n, row in enumerate(rows))[::-1]


def _since(row: Row) -> float:
    return float("-inf") if row.from_ms is None else row.from_ms


def _by_name(rows: Iterable[Row]) -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in rows:
        for name in row.names:
            key = canonical(name)
            found[key] = (*found.get(key, ()), row)
    return found


def load(own: Path | None = None) -> PriceTable:
    """The shipped prices, and those of the person's file where it exists. Raises InvalidPrices."""
    shipped = SHIPPED.read_bytes()
    theirs = own.read_bytes() if own is not None and own.exists() else b""
    digest = hashlib.sha256(shipped + b"\0" + theirs).hexdigest()
    return PriceTable(read_shipped(shipped.decode()), read_own(theirs, own) if theirs else (), digest)
