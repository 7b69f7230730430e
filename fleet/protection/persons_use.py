"""A person's own use of each bucket as a series: the ledger's tokens, in shares of the bucket by the rates that the
fleet has learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from fleet.core.capacity import rates
from fleet.core.model import Bucket, Fleet
from fleet.core.model.learned import work_of
from fleet.core.model.tokens import Tokens
from fleet.forecast import Series
from fleet.history.ledger import Ledger
from fleet.history.reports.own_use import OwnUse, own_use

YEAR_MS = 364 * 86_400_000
"""So far back a forecast looks."""


class PersonsUse:
    """Of these accounts together, such as all that draw on one pool. `zone` is that of their person's clock."""

    def __init__(
        self, fleet: Fleet, ledger: Ledger, accounts: Iterable[str], now_ms: int, zone: tzinfo
    ) -> None:
        self._fleet, self._zone, self._now_ms = fleet, zone, now_ms
        self._used: Sequence[OwnUse] = own_use(ledger.connection, accounts, now_ms - YEAR_MS)

    def of_bucket(self, bucket: Bucket) -> Series | None:
        """In shares of the bucket, from the first use on until now. None where nothing was ever used of it."""
        estimates = rates.Estimates(self._fleet.rates, self._fleet.policy, bucket.name)
        uses = [
            (one.at_ms, _work(one) * estimates.of(bucket.pool, one.tier))
            for one in self._used
            if bucket.scope in (None, one.tier)
        ]
        return self._series(uses)

    def in_tokens(self) -> Series | None:
        """All kinds together, whatever the bucket."""
        return self._series([(one.at_ms, float(_tokens(one).total)) for one in self._used])

    def _series(self, uses: list[tuple[int, float]]) -> Series | None:
        """What is dated later than now, by a clock that was wrong, is left out."""
        past = [use for use in uses if use[0] < self._now_ms]
        return Series.of(past, past[0][0], self._now_ms, self._zone) if past else None


def _tokens(one: OwnUse) -> Tokens:
    return Tokens(one.input, one.output, one.cache_read, one.cache_write)


def _work(one: OwnUse) -> float:
    return work_of(_tokens(one))
