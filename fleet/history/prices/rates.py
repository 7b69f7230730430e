"""Tokens by kind, and what a million of each costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

CACHE_WRITE_5M, CACHE_WRITE_1H, CACHE_READ = 1.25, 2.0, 0.1
"""What caching costs relative to plain input, where a row does not say (Anthropic's pricing page, "Prompt caching")."""

BATCH = 0.5
"""What a request of the batch API costs relative to any other, where a row does not say."""

MILLION = 1_000_000


class Tokens(NamedTuple):
    """Tokens of one answer by kind. The prompt is everything but `output`."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int

    @property
    def prompt(self) -> int:
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read


class InvalidPrices(ValueError):
    """The file is no table of prices; the message names each place and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens of each kind."""

    input: float
    output: float
    cache_write_5m: float
    cache_write_1h: float
    cache_read: float

    def of(self, tokens: Tokens) -> float:
        """US dollars."""
        return (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.cache_write_5m * self.cache_write_5m
            + tokens.cache_write_1h * self.cache_write_1h
            + tokens.cache_read * self.cache_read
        ) / MILLION


@dataclass(frozen=True, slots=True)
class Row:
    """What models of these names cost from a moment on (None: always).

    A request whose prompt is longer than `long_above` tokens costs `long` as a whole, its output too. `batch` is the
    factor for requests of the batch API. `source` says where the figures are from, `read` on what day (ISO) they were
    read there.
    """

    names: tuple[str, ...]
    from_ms: int | None
    rates: Rates
    long_above: int | None = None
    long: Rates | None = None
    batch: float = BATCH
    source: str = ""
    read: str = ""

    def cost(self, tokens: Tokens, *, batch: bool) -> float:
        """US dollars."""
        rates = self.rates
        if self.long is not None and self.long_above is not None and tokens.prompt > self.long_above:
            rates = self.long
        return rates.of(tokens) * (self.batch if batch else 1.0)
