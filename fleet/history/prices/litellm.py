"""Prices from LiteLLM's table (`model_prices_and_context_window.json` of its repository), which the field keeps up.

It says dollars for one token and has no dates: what it says of a model that is known already counts from today, of any
other for all time. Names of clouds and gateways are left out, since their prices differ from the maker's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from fleet.history.prices.names import canonical
from fleet.history.prices.rates import MILLION, InvalidPrices

_KEYS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "cache_read": "cache_read_input_token_cost",
}
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_DIGITS = 9
"""Of a price for a million: dollars for a token are floats with an error in their last place."""


def read_litellm(text: str, path: str, known: set[str], today: date) -> list[dict[str, Any]]:
    """The rows as a file of prices says them. Raises InvalidPrices."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPrices(f"{path}: no JSON: {error}") from None
    if not isinstance(table, dict):
        raise InvalidPrices(f"{path}: no table of LiteLLM's: an object of models is expected")
    rows = list(_rows(table, known, today))
    if not rows:
        raise InvalidPrices(
            f"{path}: no model with input_cost_per_token and output_cost_per_token, as LiteLLM's table has"
        )
    return rows


def _rows(table: Mapping[str, Any], known: set[str], today: date) -> Iterator[dict[str, Any]]:
    """One for each model; of snapshots of one model the last counts, which is how the table is ordered."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in table.items():
        if isinstance(entry, dict) and entry.get("mode") in (None, "chat") and _is_makers(name):
            rates = _rates(entry, "")
            if rates is not None:
                found[canonical(name)] = _row(canonical(name), rates, entry)
    for name in sorted(found):
        yield {**found[name], "from": today} if name in known else found[name]


def _is_makers(name: str) -> bool:
    return "/" not in name and "anthropic." not in name and "@" not in name


def _row(name: str, rates: dict[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"names": [name], **rates, "source": "LiteLLM"}
    above = next((int(tier[1]) for key in entry if (tier := _ABOVE.fullmatch(key))), None)
    long = None if above is None else _rates(entry, f"_above_{above}k_tokens")
    return row if above is None or long is None else {**row, "long_prompt": {"above": above * 1000, **long}}


def _rates(entry: Mapping[str, Any], suffix: str) -> dict[str, Any] | None:
    """None without input and output."""
    said = {kind: entry.get(f"{key}{suffix}") for kind, key in _KEYS.items()}
    rates = {
        kind: round(price * MILLION, _DIGITS)
        for kind, price in said.items()
        if isinstance(price, int | float) and price >= 0
    }
    return rates if {"input", "output"} <= rates.keys() else None
