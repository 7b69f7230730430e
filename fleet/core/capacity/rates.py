"""How much of each bucket a unit of work takes, learned from pairs of readings and token counts.

Nobody publishes it, it differs by plan, tier and month, and a reading says only how full the whole bucket is. So
between two readings of one window we know the sum, `rise = Σ rate(tier) · work(tier)`, and from many such sums the
parts are found as tomography finds densities from rays: each rise is shared out among the tiers in proportion to what
the present rates say they took, and a tier's new rate is all it was given over all its work (the expectation-
maximisation update of Shepp and Vardi, "Maximum likelihood reconstruction for emission tomography", IEEE Transactions
on Medical Imaging 1, 1982). Rates so learned are never negative, and always explain what was seen.

Four things stand between that and the truth:

- *Readings are coarse* (1 %). Work stays pending until the bucket has risen and the pending work is worth a few of
  those steps, so that what one step hides is small in it.
- *Persons work on the same account.* They can only add to a rise, never take from it. So a rise that is too far above
  what is expected is cut down to what is still plausible and counts little (`HEARSAY`), as in robust estimation (Huber,
  "Robust estimation of a location parameter", 1964), but on one side only. Plausible is generous while little is known,
  since the first guess may be off by ten, and close once there is evidence.
- *Some work is told of late.* An answer's tokens may be counted in full only when the turn ends, long after the bucket
  has risen by them. Such work is never pending: it says which part of the work the answers tell of, and pending work is
  scaled up by that. (Counted when it comes, it would look like work that takes nothing: with 30 % late the dearer of
  two tiers was taken for less than half as dear.)
- *Rates change.* What was learned before counts half after each further `HALF_LIFE` buckets of work, and a little less
  after each rise that could not be believed: if those go on, evidence is gone soon, and then they are believed.

Measured on two tiers in changing parts, read to 1 %: within 3 % of the truth; with a person at work a tenth of the time
within 5 %, a fifth of the time within 7 %; rates that grow 2.5 times are followed in about seven buckets of work.

What is not known of a bucket is taken from its other tiers and from other pools' buckets of the same name.
docs/dispatch.md, "2. What a task costs", has the place of this in the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.core.capacity.headroom import RESET_JITTER_MS
from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Bucket, Fleet, bucket_key
from fleet.core.model.learned import Rate
from fleet.core.model.policy import Policy
from fleet.core.model.replacing import replace

GUESS = 0.02 / 200_000
"""Before anything is learned: a typical task of 200,000 work units with `GUESS_TIER` takes 2 % of a five-hour
window."""

GUESS_TIER = "sonnet"

GUESS_WEEK = 0.1
"""… and a tenth of that share of a week: a full five-hour window is reported to be 8 to 20 % of the week."""

DOUBT = 0.03
"""What a first guess counts for, as if it had been seen over this share of a bucket."""

BLOCK = 0.03
"""Work is settled when it is worth this share of the bucket: three steps of a reading."""

HALF_LIFE = 2.0
"""After so many whole buckets of work what was learned before counts half."""

EXCESS, EXCESS_FIRST = 1.25, 10.0
"""How far above the expected a rise is believed, as a factor: with much evidence, and with none."""

HEARSAY = 0.25
"""What a rise counts for that is too high to be believed: it may be a person's, or rates have changed."""

SURPRISED = 0.92
"""What earlier evidence counts after a rise that was too high to be believed: should they go on, rates have changed."""

LATE_MAX = 10.0
"""The whole work is at most so many times what answers tell of at once, or so many times less."""

FIVE_HOUR, SEVEN_DAY = "five_hour", "seven_day"

EVERYONE = ""
"""The pool under which the rates of all pools together are kept: no real pool has an empty name."""


def rate(fleet: Fleet, pool: str, bucket: str, tier: str) -> float:
    """Share of the bucket that one work unit with `tier` takes; 0.0 if that tier does not draw on it. Whoever asks for
    many pools and tiers of one bucket name asks `Estimates`."""
    known = fleet.buckets.get(bucket_key(pool, bucket))
    if known is not None and known.scope not in (None, tier):
        return 0.0
    return Estimates(fleet.rates, fleet.policy, bucket).of(pool, tier)


def worked(draft: Draft, attempt: Attempt, account: Account, work: float) -> None:
    """Work units done since the last call: pending until the next reading of each bucket drawn on. What an exact count
    at a turn's end adds, or takes back, is not pending: the buckets have risen by it already.

    Work before a bucket's first reading is not kept: there is nothing to measure its rise from.
    """
    if work == 0.0:
        return
    late = attempt.answer_id is None
    for bucket in draft.buckets.values():
        if bucket.pool == account.pool and bucket.scope in (None, attempt.tier):
            everyone = _of(draft, EVERYONE, bucket.name, attempt.tier)
            if late:
                _put(draft, replace(everyone, late=everyone.late + work))
                continue
            _put(draft, replace(everyone, prompt=everyone.prompt + work))
            own = _of(draft, bucket.pool, bucket.name, attempt.tier)
            _put(draft, replace(own, pending=own.pending + work))


def observed(draft: Draft, before: Bucket | None, after: Bucket) -> None:
    """A new reading of a bucket: what its utilization rose by is attributed to the tiers' pending work."""
    pending = _pending(draft, after)
    if not pending:  # a person's own use: it teaches nothing
        return
    if before is None or not _is_same_window(before, after):
        for one in pending:
            _put(draft, replace(one, pending=0.0, risen=0.0))
        return
    rise = (after.utilization or 0.0) - (before.utilization or 0.0)
    if rise == 0.0:
        return
    working = [_put(draft, replace(one, risen=one.risen + rise)) for one in pending if one.pending > 0.0]
    if rise > 0.0 and working:
        _settle(draft, working)


def fade(draft: Draft, pool: str, tier: str, keep: float) -> None:
    """What was learned of the tier on the pool's buckets counts `keep` times as much."""
    for key, one in list(draft.rates.items()):
        if one.pool == pool and one.tier == tier:
            draft.put("rates", key, replace(one, share=one.share * keep, work=one.work * keep))


@dataclass(frozen=True, slots=True)
class OfTheWeek:
    """What a full five-hour window is of the week, as a share, and how much of a week's work that was learned from."""

    share: float
    learned_from: float


def five_hours_of_week(fleet: Fleet, account: Account) -> OfTheWeek | None:
    """By the tiers that the account has worked with. None until both windows have risen by that work."""
    day, week = (Estimates(fleet.rates, fleet.policy, bucket) for bucket in (FIVE_HOUR, SEVEN_DAY))
    learned = [one for one in fleet.rates.values() if one.pool == account.pool and one.work > 0.0]
    tiers = {one.tier for one in learned if one.bucket == FIVE_HOUR and one.share > 0.0}
    work = {one.tier: one.work for one in learned if one.bucket == SEVEN_DAY and one.tier in tiers}
    a_day = sum(amount * day.of(account.pool, tier) for tier, amount in sorted(work.items()))
    a_week = sum(amount * week.of(account.pool, tier) for tier, amount in sorted(work.items()))
    seen = week.seen(account.pool)
    return OfTheWeek(a_week / a_day, seen) if a_day > 0.0 and seen > 0.0 else None


def rate_key(pool: str, bucket: str, tier: str) -> str:
    return f"{pool}/{bucket}/{tier}"


def _of(draft: Draft, pool: str, bucket: str, tier: str) -> Rate:
    return draft.rates.get(rate_key(pool, bucket, tier)) or Rate(pool, bucket, tier)


def _put(draft: Draft, one: Rate) -> Rate:
    return draft.put("rates", rate_key(one.pool, one.bucket, one.tier), one)


def _pending(draft: Draft, bucket: Bucket) -> list[Rate]:
    """The tiers whose work waits for this bucket's reading, by name."""
    found = (
        one
        for one in draft.rates.values()
        if one.pool == bucket.pool and one.bucket == bucket.name and one.pending != 0.0
    )
    return sorted(found, key=lambda one: one.tier)


def _is_same_window(before: Bucket, after: Bucket) -> bool:
    """Whether both are readings of one window, known to be. Without a reset nobody can tell."""
    if before.resets_ms is None or after.resets_ms is None:
        return False
    if before.utilization is None or after.utilization is None:
        return False
    return abs(after.resets_ms - before.resets_ms) <= RESET_JITTER_MS


def _settle(draft: Draft, pending: list[Rate]) -> None:
    """Shares out what the bucket has risen by since the pending work began, once that is worth it."""
    pool, bucket = pending[0].pool, pending[0].bucket
    estimates = Estimates(draft.rates, draft.before.policy, bucket)
    done = [one.pending * estimates.whole(one.tier) for one in pending]
    expected = [work * estimates.of(pool, one.tier) for one, work in zip(pending, done, strict=True)]
    total = sum(expected)
    risen = max(one.risen for one in pending)
    if risen <= 0.0 or total <= 0.0 or (total < BLOCK and risen < 2 * BLOCK):
        return
    believed = total * _plausible(estimates.seen(pool))
    counted, weight, keep = risen, 1.0, 0.5 ** (max(risen, total) / HALF_LIFE)
    if risen > believed:
        counted, weight, keep = believed, HEARSAY, SURPRISED
    for anyone in (pool, EVERYONE):
        _forget(draft, bucket, anyone, keep)
        for one, work, part in zip(pending, done, expected, strict=True):
            _attribute(draft, one, anyone, counted * part / total * weight, work * weight)


def _plausible(evidence: float) -> float:
    """Up to which multiple of what is expected a rise is believed, after so much `evidence`, a share of the bucket."""
    doubt = DOUBT / (DOUBT + evidence)
    return EXCESS + (EXCESS_FIRST - EXCESS) * doubt * doubt


def _forget(draft: Draft, bucket: str, pool: str, keep: float) -> None:
    for key, one in list(draft.rates.items()):
        if one.pool == pool and one.bucket == bucket:
            kept = replace(one, share=one.share * keep, work=one.work * keep)
            draft.put("rates", key, replace(kept, prompt=one.prompt * keep, late=one.late * keep))


def _attribute(draft: Draft, settled: Rate, pool: str, share: float, work: float) -> None:
    """Adds the pair, and begins a new one."""
    before = _of(draft, pool, settled.bucket, settled.tier)
    _put(draft, replace(before, share=before.share + share, work=before.work + work, pending=0.0, risen=0.0))


class Estimates:
    """The present estimates for the buckets of one name. They are worked out once and kept: make another one when
    something has been learned."""

    def __init__(self, learned: Mapping[str, Rate], policy: Policy, bucket: str) -> None:
        self._learned = learned
        self._weights = {tier.name: tier.weight for tier in policy.tiers}
        self._bucket = bucket
        week = GUESS_WEEK if bucket.startswith("seven_day") else 1.0
        self._guess = GUESS * week / policy.weight_of(GUESS_TIER)
        self._guess_unknown = self._guess * policy.weight_of("")
        self._known: dict[tuple[str, str], float] = {}
        self._scales: dict[str, float] = {}

    def follow(self, learned: Mapping[str, Rate], of: set[str]) -> None:
        """From here on this is what was learned; it differs in what holds for the pools `of`, and for these alone."""
        self._learned = learned
        if EVERYONE in of:
            self._known.clear()
            self._scales.clear()
            return
        for pool in of:
            self._scales.pop(pool, None)
            for tier in [tier for known, tier in self._known if known == pool]:
                del self._known[pool, tier]

    def of(self, pool: str, tier: str) -> float:
        """What was seen, shrunk towards what is expected of this tier from the others."""
        known = self._known.get((pool, tier))
        if known is None:
            known = self._base(pool, tier) * self._scale(pool)
            one = self._learned.get(rate_key(pool, self._bucket, tier))
            if one is not None:
                known = (DOUBT + one.share) / (DOUBT / known + one.work)
            self._known[pool, tier] = known
        return known

    def seen(self, pool: str) -> float:
        """Share of the pool's bucket that has been attributed so far, the old counting less."""
        return sum(one.share for one in self._tiers(pool))

    def whole(self, tier: str) -> float:
        """The whole work for each unit that answers tell of at once, within a factor of `LATE_MAX`."""
        one = self._learned.get(rate_key(EVERYONE, self._bucket, tier))
        if one is None or one.prompt <= 0.0:
            return 1.0
        return min(max(1.0 + one.late / one.prompt, 1.0 / LATE_MAX), LATE_MAX)

    def _tiers(self, pool: str) -> list[Rate]:
        found = (self._learned.get(rate_key(pool, self._bucket, tier)) for tier in self._weights)
        return [one for one in found if one is not None and one.work > 0.0]

    def _base(self, pool: str, tier: str) -> float:
        if pool != EVERYONE:
            return self.of(EVERYONE, tier)
        weight = self._weights.get(tier)
        return self._guess_unknown if weight is None else self._guess * weight

    def _scale(self, pool: str) -> float:
        """How much dearer this pool's bucket is than expected, over all tiers: plans differ by one factor."""
        known = self._scales.get(pool)
        if known is None:
            seen = self._tiers(pool)
            expected = sum(one.work * self._base(pool, one.tier) for one in seen)
            known = (DOUBT + sum(one.share for one in seen)) / (DOUBT + expected)
            self._scales[pool] = known
        return known
