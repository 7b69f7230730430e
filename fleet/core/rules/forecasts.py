"""Taking a forecast of persons' own use over, and the switch that ignores it."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.capacity import reserved
from fleet.core.draft import Draft
from fleet.core.events import ProtectionSet, ProtectionsMade
from fleet.core.model import Fleet
from fleet.core.model.policy import Policy

TOLD = 0.05
"""A change of what is kept by less than this share of a bucket is not worth a line."""


def protections_made(draft: Draft, event: ProtectionsMade) -> None:
    before = draft.peek()
    draft.set("protections", event.protections)
    if draft.value("policy").protect_by_forecast:
        _tell(draft, before)
    draft.settle = True


def protection_set(draft: Draft, event: ProtectionSet) -> None:
    policy: Policy = draft.value("policy")
    draft.put_policy(replace(policy, protect_by_forecast=event.on))
    if event.on:
        draft.note("info", "protection.set", "what you are expected to use is kept for you", on=True)
    else:
        draft.note(
            "info",
            "protection.set",
            "nothing is kept any more because you are expected to use it; reservations stay",
            on=False,
        )
        reserved.reopen(draft)
    draft.settle = True


def _tell(draft: Draft, before: Fleet) -> None:
    """A line for each bucket that now keeps clearly more or less than before."""
    after = draft.peek()
    for key, bucket in sorted(after.buckets.items()):
        was, now = reserved.by_forecast(before, bucket), reserved.by_forecast(after, bucket)
        if abs(now - was) < TOLD:
            continue
        found = after.protections and after.protections.by_bucket.get(key)
        why = f": about {found.mean:.0%} is expected until its reset" if found else ""
        users = ", ".join(sorted(one.name for one in after.accounts.values() if one.pool == bucket.pool))
        draft.note(
            "info",
            "bucket.protected",
            f"{bucket.name} of {users} keeps {now:.0%} for its person by the forecast{why}",
            bucket=key,
            share=now,
            before=was,
        )
