"""Taking a forecast of persons' own use over, and the switch that ignores it."""

from __future__ import annotations

from dataclasses import replace

from fleet.core import reserving
from fleet.core.draft import Draft
from fleet.core.events import Foreseen, ForesightSet
from fleet.core.model import Fleet
from fleet.core.policy import Policy

TOLD = 0.05
"""A change of what is kept by less than this share of a bucket is not worth a line."""


def foreseen(draft: Draft, event: Foreseen) -> None:
    before = draft.peek()
    draft.set("foresight", event.foresight)
    if draft.value("policy").foresee:
        _tell(draft, before)
    draft.settle = True


def foresight_set(draft: Draft, event: ForesightSet) -> None:
    policy: Policy = draft.value("policy")
    draft.set("policy", replace(policy, foresee=event.on))
    if event.on:
        draft.note("info", "what you are expected to use is kept for you")
    else:
        draft.note("info", "nothing is kept any more because you are expected to use it; reservations stay")
        reserving.reopen(draft)
    draft.settle = True


def _tell(draft: Draft, before: Fleet) -> None:
    """A line for each bucket that now keeps clearly more or less than before."""
    after = draft.peek()
    for key, bucket in sorted(after.buckets.items()):
        was, now = reserving.foreseen(before, bucket), reserving.foreseen(after, bucket)
        if abs(now - was) < TOLD:
            continue
        found = after.foresight and after.foresight.protections.get(key)
        why = f": about {found.mean:.0%} is expected until its reset" if found else ""
        users = ", ".join(sorted(one.name for one in after.accounts.values() if one.pool == bucket.pool))
        draft.note("info", f"{bucket.name} of {users} keeps {now:.0%} for its person by the forecast{why}")
