"""An account, and the buckets of the pool that it draws on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.model.lifecycles import AccountState

Kind = Literal["subscription", "api-key", "local"]

Spend = Literal["free", "when-needed", "never"]
"""When an account takes work: as any other; only what no account that is `free` can do in time; nothing. What that
means exactly: docs/dispatch.md, "What is paid for goes before what is billed"."""


DAY_MS = 86_400_000

TOKEN_LIFE_MS = 365 * DAY_MS

TOKEN_DAYS_TOLD = (30, 14, 7, 3, 1, 0)
"""So many days before its end the log tells that a token has to be renewed."""


@dataclass(frozen=True, slots=True)
class Account:
    """One way to pay for model work.

    `pool` names whose buckets it draws on: its own, or those of an organisation that several profiles share.
    `allowance` is how many workers it may have at once now: it starts at one and doubles with each answer
    up to `concurrency`, so that a fresh account is not stampeded (slow start, as in TCP: RFC 5681).

    `unanswered` counts ends of workers in a row without an answer of the account. A *silent* one gave none twice, or
    said that it is unpaid; it is given work again when it has answered one small question, which it is asked at
    `asked_next_ms`. `silences` counts how often it fell silent without having answered any work in between,
    `asked_in_vain` the questions since; `needs_person` says that it hardly speaks again by itself.
    """

    name: str
    kind: Kind
    tiers: tuple[tuple[str, str], ...]
    concurrency: int
    pool: str
    added_ms: int
    base_url: str | None = None
    login: bool = False
    secret: bool = True
    env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ()
    state: AccountState = "ready"
    reason: str = ""
    allowance: int = 1
    answered_ms: int | None = None
    busy_until_ms: int = 0
    busy_count: int = 0
    unanswered: int = 0
    silences: int = 0
    asked_next_ms: int = 0
    asked_in_vain: int = 0
    needs_person: bool = False
    spend: Spend | None = None
    """As a person said; None as is usual for its kind, which is also what an account of an older release has."""
    paused: bool = False
    """A person has paused it: it gets no new work, until that person resumes it, or until `paused_until_ms`."""
    paused_why: str = ""
    """Why, where that was said."""
    paused_until_ms: int | None = None
    unreached: str = ""
    """Why its credential cannot be had now: the keyring cannot be reached. That is no verdict on the account, which
    takes work again as soon as it can. Empty while nothing is known against it."""
    unreached_ms: int | None = None
    """Since when."""
    token_ms: int | None = None
    """When the credential that it has now was given; None in an account of an older release: when it was added."""
    token_told: int | None = None
    """How many days before the token's end (`TOKEN_DAYS_TOLD`) that was told last."""
    models: tuple[tuple[str, str], ...] = ()
    """Tier → the model that the client last said it works with there."""
    since_ms: int | None = None
    """Since when it is in its state; None where an older release put it there."""
    mine: bool = False
    """A person has confirmed, adding it, that each of their plans is their own and its terms allow this use."""

    @property
    def token_ends_ms(self) -> int | None:
        """When its token has ended at the latest; None where it has none that ends. A setup-token lives a year from
        when it was made (facts: `claude setup-token`), which is not known, but not after it was given."""
        if self.kind != "subscription" or not self.secret or self.login:
            return None
        return (self.added_ms if self.token_ms is None else self.token_ms) + TOKEN_LIFE_MS

    @property
    def is_open(self) -> bool:
        """Whether it may be given work at all."""
        return self.state == "ready" and not self.paused and not self.unreached

    @property
    def spends(self) -> Spend:
        if self.spend is not None:
            return self.spend
        return "when-needed" if self.kind == "api-key" else "free"

    @property
    def in_use(self) -> bool:
        """Whether it is there and its credential is not known to be bad."""
        return self.state in ("ready", "silent")

    def model_of(self, tier: str) -> str | None:
        return next((model for name, model in self.tiers if name == tier), None)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One metered window of a pool, as last seen. `scope` is the tier it is for, or None for all of them.

    `refused_until_ms` outranks any reading until it has passed. `refusals` counts refusals in a row. `length_ms` is the
    window's length where that is known otherwise than by its name. Until `protected_until_ms` automation stays away,
    because its work had come down to what is kept for persons. `refused_ms` is when it refused last. `granted`: a
    question was answered while it read as full, so how much it has left is unknown.
    """

    pool: str
    name: str
    scope: str | None
    observed_ms: int
    source: str
    utilization: float | None = None
    resets_ms: int | None = None
    status: str | None = None
    refused_until_ms: int | None = None
    refusals: int = 0
    length_ms: int | None = None
    protected_until_ms: int | None = None
    refused_ms: int | None = None
    granted: bool = False


def bucket_key(pool: str, name: str) -> str:
    return f"{pool}/{name}"
