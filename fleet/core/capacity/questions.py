"""Which accounts are asked one small question now, before work is risked on them.

One that is silent (`Account.silences`), ever more seldom; and one of which a window reads as full although nothing was
refused, once work waits: whether it still gives is known only to its server.
"""

from __future__ import annotations

from fleet.core.capacity import headroom
from fleet.core.model import Account, Bucket, Fleet, Settings

DOUBLINGS_MAX = 20


def pause_ms(settings: Settings, times: int) -> int:
    """Until the next question, after so many in vain or silences in a row. Doubles, and is never longer than an
    account has been silent for, or `ask_max_ms`."""
    return min(settings.ask_first_ms << min(times, DOUBLINGS_MAX), settings.ask_max_ms)


def to_ask(fleet: Fleet) -> list[Account]:
    """By name. Nothing is asked of an account that takes no work."""
    return [
        account
        for _, account in sorted(fleet.accounts.items())
        if _may_be_asked(account) and _is_time(fleet, account) and _has_to_prove(fleet, account)
    ]


def _may_be_asked(account: Account) -> bool:
    return account.spends != "never" and not account.paused and not account.unreached


def _is_time(fleet: Fleet, account: Account) -> bool:
    left_ms = account.asked_next_ms - fleet.now_ms
    return (
        not 0 < left_ms <= fleet.settings.ask_max_ms
    )  # longer: set by a clock that has since been put right


def _has_to_prove(fleet: Fleet, account: Account) -> bool:
    if account.state == "ready":
        return bool(fleet.queue) and any(
            _reads_full(fleet, bucket) for bucket in headroom.drawn_on(fleet, account, None)
        )
    return account.state == "silent"


def _reads_full(fleet: Fleet, bucket: Bucket) -> bool:
    """Whether it reads as full, for some time, but has refused nothing."""
    block = headroom.blocked_until(bucket, fleet.now_ms, fleet.settings)
    is_old = fleet.now_ms - bucket.observed_ms >= fleet.settings.ask_full_ms
    return block is not None and block.how == headroom.FULL and is_old
