"""What would have to be otherwise for the engine to choose otherwise, at the prices of now.

A price, a time or a limit follows from a placement's arithmetic; a priority or value has been tried on the engine's own
rule before it is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import floor

from fleet.core.capacity import reserved
from fleet.core.capacity.budgets import Against
from fleet.core.dispatch import Explanation, Quote, Refusal
from fleet.core.dispatch.round import Round
from fleet.core.dispatch.shares import TooLittle
from fleet.core.dispatch.slots import Slots
from fleet.core.model import Bucket, Fleet, Task, bucket_key, is_timed
from fleet.spoken.clock import local_time

PLACEMENTS = 3
"""Of so many placements, the best ones, it is said what would change them."""

STEPS = 20
"""How many doublings of its worth are tried: a million times."""

GRAIN_MS = 5 * 60_000
"""To this the time is found at which a reservation has been given back far enough."""


def would_change(fleet: Fleet, task: Task, explained: Explanation) -> tuple[str, ...]:
    """Sentences, none where the summary or the advice says it all."""
    if explained.taken is not None:
        return tuple(f"it would run instead {how}" for how in _instead(explained))
    if task.state != "queued":
        return ()
    refused = {(r.account, r.tier) for r in explained.refusals}
    quoted = {(q.account, q.tier) for q in explained.quotes}
    if not quoted <= refused:
        return tuple(f"it would run {how}" for how in _ahead(fleet, task))
    found = [how for quote in explained.quotes[:PLACEMENTS] for how in _of_quote(fleet, task, quote)]
    found += _without_quote([r for r in explained.refusals if (r.account, r.tier) not in quoted])
    return tuple(f"it would run {how}" for how in dict.fromkeys(found))


# --- a task that waits ----------------------------------------------------------------------------------


def _of_quote(fleet: Fleet, task: Task, quote: Quote) -> Iterator[str]:
    """The same reasons, in the same order, as the rule has them."""
    dispatch, where = Round(fleet, Slots(fleet)), f"on {quote.account} with {quote.tier}"
    account = fleet.accounts[quote.account]
    limit = dispatch.shares.budgets.against(task, account, quote.tier, quote.need)
    short = dispatch.shares.too_little(account, quote.tier, quote.need)
    if limit is not None:
        yield from _of_limit(where, limit)
    elif short is not None:
        bucket = fleet.buckets[bucket_key(account.pool, short.bucket)]
        yield from _of_headroom(fleet, bucket, short, where)
    else:
        yield from _of_worth(fleet, task, quote, where)
        if quote.net < 0.0:
            yield from _of_price(quote, where)
        later = dispatch.market.later_at(task, quote.tier)
        if later is not None:
            yield f"with {quote.tier} at about {local_time(later)}, when its capacity is expected to cost less"


def _of_limit(where: str, limit: Against) -> Iterator[str]:
    if limit.lasting:
        return
    if limit.until_ms is not None:
        yield f"{where} after {local_time(limit.until_ms)}, when that limit begins to count anew"
    else:
        yield f"{where} once running work under that limit has ended and left enough of it"


def _of_headroom(fleet: Fleet, bucket: Bucket, short: TooLittle, where: str) -> Iterator[str]:
    given_back_ms = _given_back(fleet, bucket, short.need - short.left) if short.guarded else None
    if given_back_ms is not None:
        yield f"{where} at about {local_time(given_back_ms)}, when enough of what {bucket.name} keeps is given back"
    if short.until_ms is not None and short.until_ms > fleet.now_ms:
        yield f"{where} after {local_time(short.until_ms)}, when {bucket.name} resets"
    elif given_back_ms is None:
        yield f"{where} once running work leaves more of {bucket.name}, or a reading shows more"


def _given_back(fleet: Fleet, bucket: Bucket, missing: float) -> int | None:
    """When what is reserved of the running window will have fallen by what is missing; None if not before its reset."""
    if bucket.resets_ms is None:
        return None
    enough = reserved.protected(fleet, bucket) - missing
    for at_ms in range(fleet.now_ms + GRAIN_MS, bucket.resets_ms, GRAIN_MS):
        if reserved.protected(replace(fleet, now_ms=at_ms), bucket) <= enough:
            return at_ms
    return None


def _of_worth(fleet: Fleet, task: Task, quote: Quote, where: str) -> Iterator[str]:
    """The least doubling of its worth with which the rule takes the placement."""
    spec, account = task.spec, fleet.accounts[quote.account]
    for step in range(1, STEPS + 1):
        if spec.value is not None:
            more = replace(spec, value=spec.value * 2.0**step)
            told = f"its value were {more.worth:g} or more (it is {spec.value:g})"
        else:
            more = replace(spec, priority=spec.priority + step)
            told = f"its priority were {more.priority} or more (it is {spec.priority})"
        against, _ = Round(fleet, Slots(fleet)).refusals.considered(
            replace(task, spec=more), account, quote.tier
        )
        if against is None:
            yield f"{where} now if {told}"
            return


def _of_price(quote: Quote, where: str) -> Iterator[str]:
    """The dearest bucket's price at which nothing would be missing, if that bucket alone can make it."""
    bucket, share, price = max(
        quote.charges, key=lambda charge: charge[1] * charge[2], default=("", 0.0, 0.0)
    )
    if share * price > -quote.net:
        below = price + quote.net / share
        yield f"{where} now if the price of {bucket} fell below {below:.3g} (it is {price:.3g})"


def _ahead(fleet: Fleet, task: Task) -> Iterator[str]:
    """An account would take it, but others come first."""
    spec, ranks = task.spec, fleet.queue[task.lane]
    if ranks[0][3] == task.id or is_timed(task.lane) or spec.value is not None:
        return
    behind = task.rank[1] - ranks[0][1]
    first = spec.priority + floor(behind) + 1
    yield f"before the others of its kind if its priority were {first} or more (it is {spec.priority})"


def _without_quote(refusals: list[Refusal]) -> Iterator[str]:
    """Of the placements that are closed: the one that opens first."""
    timed = [(r.until_ms, r.account, r.tier, r.why) for r in refusals if r.until_ms and not r.lasting]
    if timed:
        until_ms, account, tier, why = min(timed)
        yield f"on {account} with {tier} after {local_time(until_ms)}, when that is over: {why}"
    full = next((r for r in refusals if r.crowded), None)
    if full is not None:
        yield f"on {full.account} with {full.tier} as soon as one more worker may start: {full.why}"


# --- a task that runs -----------------------------------------------------------------------------------


def _instead(explained: Explanation) -> Iterator[str]:
    """Of what would take it as well, the best."""
    taken, *others = explained.quotes
    other = next((q for q in others if (q.account, q.tier) in explained.feasible), None)
    if other is None:
        return
    where, ahead = f"on {other.account} with {other.tier}", taken.merit - other.merit
    if ahead > 0.0:
        yield f"{where} if that cost {ahead:.3g} less, or this {ahead:.3g} more"
    else:
        yield f"{where} if it began now; a session stays where its cache is warm"
