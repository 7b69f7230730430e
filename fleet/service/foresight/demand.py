"""A person's own use of each bucket as a series: the ledger's tokens, in shares of the bucket by the rates that the fleet
has learned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from fleet.core import rates
from fleet.core.learned import work_of
from fleet.core.model import Bucket, Fleet
from fleet.core.tokens import Tokens
from forecast import Series
from history.ledger import Ledger
from history.own_use import OwnUse, own_use

YEAR_MS = 364 * 86_400_000
"""So far back a forecast looks."""


class PoolUse:
    """Of all accounts that draw on one pool. `zone` is that of its person's clock."""

    def __init__(self, fleet: Fleet, ledger: Ledger, pool: str, zone: tzinfo) -> None:
        self._fleet, self._zone = fleet, zone
        self.accounts = sorted(name for name, one in fleet.accounts.items() if one.pool == pool)
        self._used: Sequence[OwnUse] = own_use(ledger.connection, self.accounts, fleet.now_ms - YEAR_MS)

    def of_bucket(self, bucket: Bucket) -> Series | None:
        """In shares of the bucket, from the first use on until now. None where nothing was ever used of it."""
        estimates = rates.Estimates(self._fleet.rates, self._fleet.policy, bucket.name)
        now_ms = self._fleet.now_ms
        uses = [
            (one.at_ms, _work(one) * estimates.of(bucket.pool, one.tier))
            for one in self._used
            if bucket.scope in (None, one.tier) and one.at_ms < now_ms
        ]
        return Series.of(uses, uses[0][0], now_ms, self._zone) if uses else None

    def in_tokens(self) -> Series | None:
        """All kinds together, whatever the bucket."""
        now_ms = self._fleet.now_ms
        uses = [(one.at_ms, float(_tokens(one).total)) for one in self._used if one.at_ms < now_ms]
        return Series.of(uses, uses[0][0], now_ms, self._zone) if uses else None


def _tokens(one: OwnUse) -> Tokens:
    return Tokens(one.input, one.output, one.cache_read, one.cache_write)


def _work(one: OwnUse) -> float:
    return work_of(_tokens(one))
