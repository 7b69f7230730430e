"""Rows of prices as a TOML file says them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fleet.history.prices import rates
from fleet.history.prices.rates import InvalidPrices, Rates, Row

Said = Mapping[str, Any]
KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def read_shipped(text: str) -> list[Row]:
    """Our own file, which a test holds to the form: it is read with every scan, and checking takes longer than that."""
    return [row_of(said) for said in tomllib.loads(text)["model"]]


def read_own(text: bytes, path: Path | None = None) -> list[Row]:
    """A person's file. Raises InvalidPrices."""
    # Only who has such a file waits for pydantic.
    from fleet.history.prices.checking import checked

    try:
        said = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidPrices(f"{path or 'the prices'}: no TOML: {error}") from None
    return [row_of(one) for one in checked(said, str(path or "the prices"))]


def row_of(said: Said) -> Row:
    """Caching that is not said costs the usual share of the input."""
    long = said.get("long_prompt")
    begins = said.get("from")
    return Row(
        names=tuple(said["names"]),
        from_ms=None if begins is None else _ms(begins),
        rates=_rates(said),
        long_above=None if long is None else int(long["above"]),
        long=None if long is None else _rates(long),
        batch=float(said.get("batch", rates.BATCH)),
        source=said.get("source", ""),
        read=str(said.get("read", "")),
    )


def _rates(said: Said) -> Rates:
    given = float(said["input"])
    return Rates(
        input=given,
        output=float(said["output"]),
        cache_write_5m=float(said.get("cache_write_5m", given * rates.CACHE_WRITE_5M)),
        cache_write_1h=float(said.get("cache_write_1h", given * rates.CACHE_WRITE_1H)),
        cache_read=float(said.get("cache_read", given * rates.CACHE_READ)),
    )


def _ms(day: date) -> int:
    """The beginning of the day in UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def written(rows: Iterable[Said], heading: str) -> str:
    """The rows as such a file, under a comment."""
    return "\n".join((f"# {heading}", *(line for row in rows for line in _lines(row)), ""))


def _lines(row: Said) -> list[str]:
    names = ", ".join(f'"{name}"' for name in row["names"])
    lines = ["", "[[model]]", f"names = [{names}]"]
    if "from" in row:
        lines.append(f"from = {row['from'].isoformat()}")
    lines += _figures(row)
    lines.append(f'source = "{row.get("source", "")}"')
    if "long_prompt" in row:
        long = row["long_prompt"]
        lines += ["[model.long_prompt]", f"above = {long['above']}", *_figures(long)]
    return lines


def _figures(said: Said) -> list[str]:
    return [f"{kind} = {float(said[kind])!r}" for kind in KINDS if kind in said]
