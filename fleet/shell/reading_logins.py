"""When an idle account is asked about its windows: seldom, one at a time, and ever more seldom where that fails.

Running workers tell of the windows anyway. The endpoint behind the question refuses after about 28 requests an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256

from fleet.core.capacity import headroom
from fleet.core.model import Account, Fleet

EVERY_S = 3_600.0
JITTER = 0.25
"""Pauses are longer or shorter by this share, so that accounts that were asked together do not stay together."""

PAUSE_S_MAX = 86_400.0
"""However often it has failed, it is asked about once a day."""


@dataclass(frozen=True, slots=True)
class Asked:
    """When an account was asked last (seconds of the monotonic clock; None: not yet), how often in all, and how often
    in vain since the last answer."""

    at_s: float | None = None
    times: int = 0
    failures: int = 0


NEVER = Asked()


@dataclass
class ReadingLogins:
    """Knows what came of the questions so far. What was read is in the fleet's buckets, also after a restart."""

    _asked: dict[str, Asked] = field(default_factory=dict)

    def due(self, fleet: Fleet, now_ms: int, now_s: float) -> Account | None:
        """The account to ask now, the longest unasked of several."""
        due = [
            account
            for name, account in sorted(fleet.accounts.items())
            if is_due(fleet, account, self._asked.get(name, NEVER), now_ms, now_s)
        ]
        return min(due, key=lambda account: self._of(account.name).at_s or 0.0, default=None)

    def answered(self, account: str, now_s: float) -> None:
        self._asked[account] = Asked(now_s, self._of(account).times + 1)

    def failed(self, account: str, now_s: float) -> None:
        before = self._of(account)
        self._asked[account] = replace(
            before, at_s=now_s, times=before.times + 1, failures=before.failures + 1
        )

    def _of(self, account: str) -> Asked:
        return self._asked.get(account, NEVER)


def is_due(fleet: Fleet, account: Account, asked: Asked, now_ms: int, now_s: float) -> bool:
    """Whether the account can be asked, nothing runs on it, and neither a reading nor a question is recent."""
    if not can_be_asked(account) or any(a.account == account.name for a in fleet.attempts.values()):
        return False
    pause = pause_s(f"{fleet.home_id}/{account.name}", asked)
    if asked.at_s is not None and now_s - asked.at_s < pause:
        return False
    read_ms = [
        bucket.observed_ms
        for bucket in fleet.buckets.values()
        if bucket.pool == account.pool and not headroom.is_void(bucket, now_ms)
    ]
    return not read_ms or now_ms - max(read_ms) >= pause * 1000


def can_be_asked(account: Account) -> bool:
    """A subscription whose login the client keeps itself; a bare token may not ask. One with an address of its own is
    left alone: the client would ask Anthropic all the same, which whoever gave the address does not expect."""
    return (
        account.kind == "subscription"
        and account.login
        and account.base_url is None
        and account.state == "ready"
    )


def pause_s(name: str, asked: Asked) -> float:
    """Seconds between two questions to `name`: an hour, doubled with each failure in a row, within the jitter. That is
    drawn by the name and the count, so the same at each look."""
    drawn = int.from_bytes(sha256(f"{name}/{asked.times}".encode()).digest()[:4]) / 2**32
    doubled: float = EVERY_S * 2.0 ** min(asked.failures, 10)
    return min(doubled, PAUSE_S_MAX) * (1.0 + JITTER * (2.0 * drawn - 1.0))
