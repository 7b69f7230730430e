"""What buckets can still give while placements are being made: readings, less what running work will take, less what is
kept for persons."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.capacity import headroom, reserved
from fleet.core.capacity.budgets import Budgets
from fleet.core.capacity.costs import Expected
from fleet.core.capacity.rates import Estimates
from fleet.core.capacity.running import Running, committed_of
from fleet.core.model import Account, Bucket, Fleet, bucket_key

OVERLAP = 0.5
"""How much of a task's mean cost must still be left in a bucket of which nothing is kept (docs/dispatch.md, "What is
left of a bucket"): a session that does not fit continues elsewhere or after the reset, and the rest of a window that
nobody uses is lost for certain."""

FRESH = 0.95
"""A window that still has this part of what it can give counts as fresh: what is larger than any window begins
there."""

ROUNDING = 0.999999
"""Two paces that differ by less than this are the same: they are quotients of the same numbers."""


@dataclass(slots=True)
class Left:
    """What one bucket can still give: `mean` after what running work is expected to take, `high` after the strategy's
    quantile of it. `guarded`: a part is kept for persons or below a floor, so that the quantile decides."""

    bucket: Bucket
    mean: float
    high: float
    guarded: bool
    known: bool
    whole: float
    """What a fresh window would give: 1 less what is kept."""
    untried: bool
    """Nobody knows what it gives, and no work of ours will tell: then one may begin, and is stopped where the kept part
    begins. Else nothing would ever run again after a reset where half of a window is kept."""

    @property
    def here(self) -> float:
        """What decides: the cautious amount where something is kept."""
        return self.high if self.guarded else self.mean


@dataclass(frozen=True, slots=True)
class TooLittle:
    """A bucket that has not enough left for a placement: `need`, `left` and `kept` are shares of it."""

    bucket: str
    need: float
    left: float
    guarded: bool
    kept: float
    until_ms: int | None


class Shares:
    """Lives for one round of dispatch, and is kept current as placements are taken."""

    def __init__(self, fleet: Fleet, running: Running, pools: headroom.Pools) -> None:
        self._fleet = fleet
        self._running = running
        self._pools = pools
        self.budgets = Budgets(fleet)
        self._left: dict[str, Left] = {}
        self._short: dict[tuple[str, str], Expected] = {}
        self._estimates: dict[str, Estimates] = {}
        self._draws: dict[tuple[str, str], tuple[tuple[Left, float], ...]] = {}

    def draws(self, account: Account, tier: str) -> tuple[tuple[Left, float], ...]:
        """The buckets that work of `tier` draws on, each with its rate (share per work unit)."""
        key = (account.name, tier)
        if key not in self._draws:
            self._draws[key] = tuple(
                (self._of(bucket), self._rate(bucket, tier))
                for bucket in self._pools.drawn_on(account.pool, tier)
            )
        return self._draws[key]

    def _rate(self, bucket: Bucket, tier: str) -> float:
        if bucket.name not in self._estimates:
            self._estimates[bucket.name] = Estimates(self._fleet.rates, self._fleet.policy, bucket.name)
        return self._estimates[bucket.name].of(bucket.pool, tier)

    def _of(self, bucket: Bucket) -> Left:
        key = bucket_key(bucket.pool, bucket.name)
        if key not in self._left:
            fleet = self._fleet
            kept = reserved.protected(fleet, bucket) + reserved.floor(fleet, bucket)
            used = headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
            known = used is not None
            if used is None:
                # Unknown is not zero: where something is kept, half of it counts as used.
                used = 1.0 - headroom.UNKNOWN_HEADROOM if kept > 0 else 0.0
            mean, high = self._committed(bucket)
            free = 1.0 - used - kept
            untried = not known and mean <= 0.0 and kept < 1.0
            self._left[key] = Left(bucket, free - mean, free - high, kept > 0, known, 1.0 - kept, untried)
        return self._left[key]

    def _committed(self, bucket: Bucket) -> tuple[float, float]:
        left = self._running.left(bucket.pool)
        return committed_of(left, {t: self._rate(bucket, t) for t in left if bucket.scope in (None, t)})

    def is_spent(self, account: Account, tier: str) -> bool:
        """Whether a bucket has nothing left that work of the tier could have, however small it is."""
        return any(left.here <= 0.0 and not left.untried for left, _ in self.draws(account, tier))

    def is_hopeless(self, account: Account, tier: str, need: Expected) -> bool:
        """Whether something smaller, at no higher a pace than this, has already been found not to fit: room only
        shrinks in a round, and what falls before a reset is min(work, pace × time until then)."""
        smaller = self._short.get((account.name, tier))
        return (
            smaller is not None
            and need.work >= smaller.work
            and need.high >= smaller.high
            and need.work * smaller.ms >= smaller.work * need.ms * ROUNDING
            and need.high * smaller.ms >= smaller.high * need.ms * ROUNDING
        )

    def too_little(self, account: Account, tier: str, need: Expected) -> TooLittle | None:
        """The first bucket in which there is not enough left for `need`, None when it fits everywhere."""
        for left, per_work in self.draws(account, tier):
            share = self._within(left, need.ms)
            wanted = per_work * (need.high if left.guarded else need.work * OVERLAP) * share
            there = left.here
            # What is larger than any window can never fit whole: it begins in a fresh one and is stopped where the kept
            # part begins.
            if wanted > there and not left.untried and (there <= 0.0 or there < FRESH * left.whole):
                until = left.bucket.resets_ms
                self._short[account.name, tier] = need
                kept = 1.0 - left.whole
                return TooLittle(left.bucket.name, wanted, max(there, 0.0), left.guarded, kept, until)
        return None

    def _within(self, left: Left, ms: float) -> float:
        """The part of a work of `ms` that falls before the bucket's reset."""
        resets_ms = left.bucket.resets_ms
        if resets_ms is None or resets_ms <= self._fleet.now_ms or ms <= 0:
            return 1.0
        return min(1.0, (resets_ms - self._fleet.now_ms) / ms)

    def take(self, account: Account, tier: str, need: Expected) -> None:
        for left, per_work in self.draws(account, tier):
            share = per_work * self._within(left, need.ms)
            left.mean -= need.work * share
            left.high -= need.high * share
            left.untried = False
