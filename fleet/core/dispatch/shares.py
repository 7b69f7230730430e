"""What buckets can still give while placements are being made: readings, less what running work will take, less what is
kept for persons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from fleet.core.capacity import headroom, reserved
from fleet.core.capacity.budgets import Budgets
from fleet.core.capacity.costs import Expected
from fleet.core.capacity.rates import Estimates
from fleet.core.capacity.running import Running, high_of, mean_of
from fleet.core.model import Account, Bucket, Fleet

OVERLAP = 0.5
"""How much of a task's mean cost must still be left in a bucket of which nothing is kept (docs/dispatch.md, "What is
left of a bucket"): a session that does not fit continues elsewhere or after the reset, and the rest of a window that
nobody uses is lost for certain."""

FRESH = 0.95
"""A window that still has this part of what it can give counts as fresh: what is larger than any window begins
there."""

EARLIER_MS = 5_000
"""By so much earlier than reckoned is looked again whether something fits: what is reckoned is rounded."""

RATE_MIN = 1e-300
"""Nothing is divided by less."""

ROUNDING = 0.999999
"""Two paces that differ by less than this are the same: they are quotients of the same numbers."""


@dataclass(slots=True)
class Left:
    """What one bucket can still give, of which `free` is neither used nor kept: `mean` after what running work is
    expected to take, `high` after the strategy's quantile of it. `guarded`: a part is kept for persons or below a
    floor, so that the quantile decides."""

    bucket: Bucket
    free: float
    guarded: bool
    known: bool
    whole: float
    """What a fresh window would give: 1 less what is kept."""
    mean: float = 0.0
    high: float = 0.0
    """Of a bucket that is not guarded it is the mean: nobody asks for it."""
    untried: bool = False
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


Draws = tuple[tuple[Left, float], ...]
"""The buckets that work of a tier draws on, each with its rate (share per work unit)."""


def kept_of(fleet: Fleet, bucket: Bucket) -> float:
    """Share of the bucket that is kept from automation now."""
    return reserved.protected(fleet, bucket) + reserved.floor(fleet, bucket)


class Shares:
    """Of one round of dispatch, kept current as placements are taken; or of one after the other (`follow`)."""

    def __init__(self, fleet: Fleet, running: Running, pools: headroom.Pools) -> None:
        self._fleet = fleet
        self._running = running
        self._pools = pools
        self.budgets = Budgets(fleet, self._running.costs)
        self.begin()
        self._left: dict[str, dict[str, Left]] = {}
        self._short: dict[tuple[str, str], tuple[Expected, float]] = {}
        self._estimates: dict[str, Estimates] = {}
        self._draws: dict[str, dict[str, Draws]] = {}
        self._rooms: dict[str, dict[str, float]] = {}
        """By pool and tier: how much work there is room for in each bucket, whatever the time."""

    def begin(self) -> None:
        """From here on is noted whether something was found too large, and the earliest moment at which it may fit by
        itself."""
        self.found_short = False
        self.eases_ms: float = inf

    def follow(self, fleet: Fleet, touched: Iterable[str], learned: Mapping[str, set[str]]) -> None:
        """From here on this is the state of the fleet. Something that a pool's buckets can give has changed for the
        pools `touched` alone, and what was `learned` of rates for pools of buckets of some names."""
        self._fleet = fleet
        self.budgets = Budgets(fleet, self._running.costs)
        self._short.clear()
        for bucket, estimates in self._estimates.items():
            estimates.follow(fleet.rates, learned.get(bucket, set()))
        for pool in touched:
            self._left.pop(pool, None)
            self._draws.pop(pool, None)
            self._rooms.pop(pool, None)

    def draws(self, account: Account, tier: str) -> Draws:
        """The buckets that work of `tier` draws on, each with its rate (share per work unit)."""
        draws = self._draws.setdefault(account.pool, {})
        found = draws.get(tier)
        if found is None:
            found = draws[tier] = tuple(
                (self._of(bucket), self._rate(bucket, tier))
                for bucket in self._pools.drawn_on(account.pool, tier)
            )
        return found

    def rates(self, account: Account, tier: str) -> Iterator[tuple[Bucket, float]]:
        """As `draws`, whatever is left of the buckets."""
        for bucket in self._pools.drawn_on(account.pool, tier):
            yield bucket, self._rate(bucket, tier)

    def _rate(self, bucket: Bucket, tier: str) -> float:
        if bucket.name not in self._estimates:
            self._estimates[bucket.name] = Estimates(self._fleet.rates, self._fleet.policy, bucket.name)
        return self._estimates[bucket.name].of(bucket.pool, tier)

    def _of(self, bucket: Bucket) -> Left:
        of_pool = self._left.setdefault(bucket.pool, {})
        if bucket.name not in of_pool:
            fleet = self._fleet
            kept = kept_of(fleet, bucket)
            used = headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
            known = used is not None
            if used is None:
                # Unknown is not zero: where something is kept, half of it counts as used.
                used = 1.0 - headroom.UNKNOWN_HEADROOM if kept > 0 else 0.0
            free = 1.0 - used - kept
            left = of_pool[bucket.name] = Left(bucket, free, kept > 0, known, 1.0 - kept)
            self._weigh(left)
        return of_pool[bucket.name]

    def _weigh(self, left: Left) -> None:
        """Takes off what running work is expected to take."""
        bucket = left.bucket
        sums = self._running.left(bucket.pool)
        rate_of = {tier: self._rate(bucket, tier) for tier in sums if bucket.scope in (None, tier)}
        mean = mean_of(sums, rate_of)
        left.mean = left.high = left.free - mean
        if left.guarded:
            left.high = left.free - high_of(mean, self._running.spread(bucket.pool), rate_of)
        left.untried = not left.known and mean <= 0.0 and left.whole > 0.0

    def reweigh(self, pools: Iterable[str]) -> None:
        """Of these pools only what running work takes is believed to be something else."""
        for pool in pools:
            self._rooms.pop(pool, None)
            for left in self._left.get(pool, {}).values():
                self._weigh(left)

    def is_spent(self, account: Account, tier: str) -> bool:
        """Whether a bucket has nothing left that work of the tier could have, however small it is."""
        return any(left.here <= 0.0 and not left.untried for left, _ in self.draws(account, tier))

    def is_hopeless(self, account: Account, tier: str, need: Expected) -> bool:
        """Whether something smaller, at no higher a pace than this, has already been found not to fit: room only
        shrinks in a round, and what falls before a reset is min(work, pace × time until then)."""
        if (account.name, tier) not in self._short:
            return False
        smaller, eases_ms = self._short[account.name, tier]
        self._note(eases_ms)
        return (
            need.work >= smaller.work
            and need.high >= smaller.high
            and need.work * smaller.ms >= smaller.work * need.ms * ROUNDING
            and need.high * smaller.ms >= smaller.high * need.ms * ROUNDING
        )

    def _note(self, eases_ms: float) -> None:
        self.found_short = True
        self.eases_ms = min(self.eases_ms, eases_ms)

    def too_little(self, account: Account, tier: str, need: Expected) -> TooLittle | None:
        """The first bucket in which there is not enough left for `need`, None when it fits everywhere."""
        if self.has_plenty(account, tier, need):
            return None
        for left, per_work in self.draws(account, tier):
            share = self._within(left, need.ms)
            wanted = per_work * (need.high if left.guarded else need.work * OVERLAP) * share
            there = left.here
            # What is larger than any window can never fit whole: it begins in a fresh one and is stopped where the kept
            # part begins.
            if wanted > there and not left.untried and (there <= 0.0 or there < FRESH * left.whole):
                until = left.bucket.resets_ms
                eases_ms = self._eases_ms(left, wanted, share)
                self._short[account.name, tier] = need, eases_ms
                self._note(eases_ms)
                kept = 1.0 - left.whole
                return TooLittle(left.bucket.name, wanted, max(there, 0.0), left.guarded, kept, until)
        return None

    def has_plenty(self, account: Account, tier: str, need: Expected) -> bool:
        """Whether all of `need`, and the most that it may be, would fit everywhere, whenever the resets are."""
        rooms = self._rooms.setdefault(account.pool, {})
        room = rooms.get(tier)
        if room is None:
            rooms_here = (left.here / max(rate, RATE_MIN) for left, rate in self.draws(account, tier))
            room = rooms[tier] = min(rooms_here, default=inf)
        return max(need.work, need.high) <= room * ROUNDING

    def _eases_ms(self, left: Left, wanted: float, share: float) -> float:
        """From when on enough may be left for what does not fit now, as ever less of it falls before the reset."""
        there, resets_ms, now_ms = left.here, left.bucket.resets_ms, self._fleet.now_ms
        if there <= 0.0 or resets_ms is None or resets_ms <= now_ms:
            return inf
        return resets_ms - (resets_ms - now_ms) / share * there / wanted - EARLIER_MS

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
        self._rooms.pop(account.pool, None)
