"""The prices of models: what is in force on a home, and the person's own put in place."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fleet.history.prices import PriceTable, Row, load
from fleet.history.prices.litellm import read_litellm
from fleet.history.prices.table import OWN_FILE
from fleet.history.prices.toml_file import read_own, written

Record = dict[str, Any]

PREVIOUS = f"{OWN_FILE}.before"
"""What was the person's own before the last update."""


def table_of(home: str | os.PathLike[str]) -> PriceTable:
    """Raises InvalidPrices."""
    return load(Path(home) / OWN_FILE)


def listed(home: str | os.PathLike[str]) -> list[Record]:
    """By model and date. Raises InvalidPrices."""
    return [_shown(name, row, own) for name, row, own in table_of(home).rows()]


def _shown(name: str, row: Row, own: bool) -> Record:
    long = None if row.long is None else {"above": row.long_above, **asdict(row.long)}
    begins = (
        None if row.from_ms is None else datetime.fromtimestamp(row.from_ms / 1000, UTC).date().isoformat()
    )
    return {
        "model": name,
        "from": begins,
        **asdict(row.rates),
        "batch": row.batch,
        "long_prompt": long,
        "own": own,
        "source": row.source,
        "read": row.read or None,
    }


def update(home: str | os.PathLike[str], file: str) -> str:
    """Puts the file's prices in place of the person's own so far, which are kept beside them; returns what to tell. The
    file is a table of ours (TOML) or LiteLLM's (JSON). Raises InvalidPrices, OSError."""
    path = Path(file)
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{") or path.suffix == ".json":
        known = load().names()
        rows = read_litellm(text, file, known, date.today())
        text = written(rows, f"from {path.name}, {date.today().isoformat()}")
    models = len({name for row in read_own(text.encode(), path) for name in row.names})
    own = Path(home) / OWN_FILE
    own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = ""
    if own.exists():
        own.replace(own.with_name(PREVIOUS))
        kept = f", what was there before is in {PREVIOUS}"
    own.write_text(text, encoding="utf-8")
    return f"{own} has prices of {models} models{kept}; the next scan counts with them"
